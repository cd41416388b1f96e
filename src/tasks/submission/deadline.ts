/** When a task has to have ended. */
import { momentOf } from "../../shared/time.ts";

/** What it has of the task that it goes on with, or that starts it. */
export interface InheritedDeadline {
  /** How long it may take, instead of what its workflow says; `null`: for ever. */
  readonly deadlineMs?: number | null;
  /** When it has to have ended, whatever else is said. */
  readonly until?: number | null;
}

/**
 * The earlier of what is said of it, or holds instead, and when it has to have ended anyway; `null`: never. `said`: a duration
 * from `now` or a time; `defined`: the same, in its workflow.
 */
export function deadlineFor(
  said: string | undefined,
  { deadlineMs, until = null }: InheritedDeadline,
  defined: string | undefined,
  now: number,
): number | null {
  const own = said ?? (deadlineMs === undefined ? defined : undefined);
  const ownAt = own === undefined ? afresh(deadlineMs ?? null, now) : momentOf(own, now);
  if (ownAt === null || until === null) return ownAt ?? until;
  return Math.min(ownAt, until);
}

const afresh = (durationMs: number | null, now: number): number | null => (durationMs === null ? null : now + durationMs);
