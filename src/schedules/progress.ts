/** How far a schedule is: what is settled, what is being started, waits or runs. Small, and one value. Pure. */
import { backoffMs, pauseOfWait } from "../shared/backoff.ts";
import type { By } from "../shared/actor.ts";
import { LIMITS } from "./limits.ts";
import type { Due } from "./due.ts";

/** A run that is decided upon. */
export interface PlannedRun {
  /** The time that it is for; of one by hand, when somebody asked. */
  readonly at: number;
  /** Of one by hand: what it is recognised by when it is asked for again. */
  readonly key: string | null;
  /** Whatever runs. */
  readonly overlaps?: true;
  /** Of one by hand: who asked. */
  readonly by?: By;
  /** Failed tries to start it, and when the next one is due. */
  readonly tries: number;
  readonly retryAt: number;
}

export interface WaitingRun extends PlannedRun {
  readonly since: number;
  /** When it is looked whether what it waits for has ended. */
  readonly lookAt: number;
}

/** A task that is not known to have ended. */
export interface RunningTask {
  readonly at: number;
  readonly task: string;
}

/** PERSISTED in the schedule's object. */
export interface Progress {
  readonly v: 1;
  /** Times up to this one are settled. */
  readonly cursor: number;
  /** In the order in which they are started. */
  readonly starting: readonly PlannedRun[];
  /** One at most, until what runs has ended. */
  readonly waiting: WaitingRun | null;
  /** The latest last. */
  readonly running: readonly RunningTask[];
}

export function freshProgress(cursor: number): Progress {
  return { v: 1, cursor, starting: [], waiting: null, running: [] };
}

export function plannedRun(at: number, key: string | null = null, overlaps = false, by?: By): PlannedRun {
  return { at, key, ...(overlaps && { overlaps }), ...(by && { by }), tries: 0, retryAt: 0 };
}

/** Runs that can be decided upon now. */
export function roomIn({ starting }: Progress): number {
  return Math.max(0, LIMITS.scheduleStarts - starting.length);
}

export function withDue(progress: Progress, { runs, cursor }: Due): Progress {
  return { ...progress, cursor, starting: [...progress.starting, ...runs.map((at) => plannedRun(at))] };
}

export function withStarting(progress: Progress, run: PlannedRun): Progress {
  return { ...progress, starting: [...progress.starting, run] };
}

/** Never back: a time that was settled stays so. */
export function skippedTo(progress: Progress, moment: number): Progress {
  return { ...progress, cursor: Math.max(progress.cursor, moment) };
}

/** Whether the run is still to be started. */
export function isPlanned({ starting, waiting }: Progress, run: PlannedRun): boolean {
  return starting.some((one) => isSame(one, run)) || (waiting !== null && isSame(waiting, run));
}

export function without(progress: Progress, run: PlannedRun): Progress {
  const { starting, waiting } = progress;
  return {
    ...progress,
    starting: starting.filter((one) => !isSame(one, run)),
    waiting: waiting !== null && isSame(waiting, run) ? null : waiting,
  };
}

export function withRunning(progress: Progress, run: PlannedRun, task: string): Progress {
  const { running } = progress;
  return { ...without(progress, run), running: [...running, { at: run.at, task }].slice(-LIMITS.scheduleRunning) };
}

export function withoutEnded(progress: Progress, ended: ReadonlySet<string>): Progress {
  return { ...progress, running: progress.running.filter(({ task }) => !ended.has(task)) };
}

/** `lookAt`: when it is worth looking for the first time. */
export function withWaiting(progress: Progress, run: PlannedRun, now: number, lookAt: number): Progress {
  return { ...without(progress, run), waiting: { ...run, since: now, lookAt } };
}

/** What runs has not ended: looked at again after a share of the wait so far. */
export function lookedAt(progress: Progress, now: number): Progress {
  const { waiting } = progress;
  if (waiting === null) return progress;
  const lookAt = now + pauseOfWait(LOOK_AGAIN, waiting.since, now);
  return { ...progress, waiting: { ...waiting, lookAt } };
}

/** A try to start the run has failed. Where it is the one that waits, the next one, whose turn is after it, is later as well. */
export function withRetry(progress: Progress, run: PlannedRun, now: number): Progress {
  const tries = run.tries + 1;
  const retryAt = now + backoffMs({ firstMs: LIMITS.scheduleRetryMs, mostMs: LIMITS.scheduleRetryMaxMs }, tries);
  const { starting, waiting } = progress;
  if (waiting !== null && isSame(waiting, run)) {
    const [next, ...rest] = starting;
    const later = next === undefined ? [] : [{ ...next, retryAt: Math.max(next.retryAt, retryAt) }, ...rest];
    return { ...progress, starting: later, waiting: { ...waiting, tries, retryAt, lookAt: retryAt } };
  }
  return { ...progress, starting: starting.map((one) => (isSame(one, run) ? { ...one, tries, retryAt } : one)) };
}

function isSame(one: PlannedRun, other: PlannedRun): boolean {
  return one.at === other.at && one.key === other.key;
}

const LOOK_AGAIN = { leastMs: LIMITS.scheduleLookMs, share: LIMITS.scheduleLookShare, mostMs: LIMITS.scheduleLookMaxMs };
