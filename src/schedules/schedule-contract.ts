/** What the object of a schedule answers to: plain data in, promises of plain data out. Everything may be asked twice. */
import type { Expected } from "../shared/expected.ts";
import type { By } from "../shared/actor.ts";
import type { Rejection } from "../shared/errors.ts";
import type { Result } from "../shared/result.ts";
import type { Progress } from "./progress.ts";
import type { LoggedRun, Reason, RunOutcome } from "./run-entry.ts";
import type { ScheduleCopy, ScheduleDraft, ScheduleHead } from "./schedule.ts";

/** Which schedule; objects are named `{tenant}/{schedule}`. */
export interface ScheduleName {
  readonly tenant: string;
  readonly schedule: string;
}

export interface ScheduleReading {
  readonly head: ScheduleHead;
  /** JSON: the body of a submission. The secret of its webhook is sealed. */
  readonly task: string;
  readonly progress: Progress;
}

export interface PutSchedule extends ScheduleReading {
  readonly isNew: boolean;
}

/** What a run by hand has come to so far. */
export interface TriggeredRun {
  readonly at: number;
  readonly outcome: RunOutcome | "starting" | "waiting";
  readonly task: string | null;
  readonly reason: Reason | null;
}

/** Everywhere `null` says that there is no such schedule. */
export interface ScheduleContract {
  /** Makes or replaces it. `expected`: the revision that the caller has seen, 0 for none. The same again changes nothing. */
  put(name: ScheduleName, draft: ScheduleDraft, expected: Expected): Promise<Result<PutSchedule, Rejection>>;
  /** The list does not have it: it is put there again, if there is one. Never fails. */
  listAgain(): Promise<void>;
  read(): Promise<ScheduleReading | null>;
  /** What makes it again, elsewhere or later. */
  copy(): Promise<ScheduleCopy | null>;
  /** Newest first, before a place in the log. */
  runs(outcome: RunOutcome | undefined, before: number | null, limit: number): Promise<readonly LoggedRun[] | null>;
  pause(reason: string | null, by?: By): Promise<Result<ScheduleReading, Rejection> | null>;
  resume(by?: By): Promise<Result<ScheduleReading, Rejection> | null>;
  /** Runs it now, once under a key. `overlaps`: whatever runs. */
  trigger(key: string, overlaps: boolean, by?: By): Promise<Result<TriggeredRun, Rejection> | null>;
  /** Whether there was something to delete. */
  remove(name: ScheduleName, expected: Expected): Promise<Result<boolean, Rejection>>;
}

/** A run as it is submitted: under a key of its own, always the same, so that a repetition starts nothing. */
export interface RunSubmission {
  readonly tenant: string;
  readonly schedule: string;
  readonly at: number;
  readonly key: string;
  /** JSON, as above. */
  readonly task: string;
  readonly origin: string;
  /** Whoever asked for it, of a run by hand. */
  readonly by?: By;
}

/** What the object needs of the rest. What throws is trouble, and asked again. */
export interface SchedulePorts {
  /** Puts the schedule on the list; `false` where it is new there and the tenant has too many. */
  readonly list: (tenant: string, head: ScheduleHead) => Promise<boolean>;
  readonly unlist: (name: ScheduleName) => Promise<void>;
  /** The id of the task, or why there is none. */
  readonly submit: (run: RunSubmission) => Promise<Result<string, Rejection>>;
  /** Whether a task has ended, or is gone. */
  readonly hasEnded: (tenant: string, task: string) => Promise<boolean>;
  readonly cancel: (name: ScheduleName, task: string, reason: string) => Promise<void>;
}
