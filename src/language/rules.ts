/**
 * By which rules a task decides. A change that would have a task decide otherwise than it did makes them one more, so that a
 * journal that was begun before decides as it began. PERSISTED in `task.created`, where those of the first release are left out.
 */
export type Rules = 0 | 1;

/** Those of the tasks that begin now. */
export const RULES: Rules = 1;
