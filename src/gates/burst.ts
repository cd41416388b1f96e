/**
 * Which task stands for a burst of submissions under one key. The task itself decides how long it does; here is only who is
 * asked first. Whoever is told that it does no more has another one stand instead: of many who say so, the first.
 */

/** PERSISTED. */
export interface Burst {
  readonly task: string;
  /** The task begins by then, whatever comes. */
  readonly latestAt: number;
}

/** `over`: the task that the one who asks knows to stand for the burst no more. */
export function burstNow(known: Burst | null, asked: Burst, over: string | null, now: number): Burst {
  return known === null || known.latestAt <= now || known.task === over ? asked : known;
}
