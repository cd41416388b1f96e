/** What became of a time, or of several in a row alike. */
export const RUN_OUTCOMES = ["started", "skipped", "missed", "failed"] as const;
export type RunOutcome = (typeof RUN_OUTCOMES)[number];

export interface Reason {
  readonly code: string;
  readonly message: string;
}

/** PERSISTED in the schedule's object. */
export interface RunEntry {
  /** The time, or the first of several. */
  readonly at: number;
  readonly until: number;
  readonly count: number;
  /** There were so many, and perhaps more. */
  readonly isMore: boolean;
  readonly outcome: RunOutcome;
  /** Of one that somebody asked for. */
  readonly key: string | null;
  readonly task: string | null;
  readonly reason: Reason | null;
}

/** As its readers get it. */
export interface LoggedRun extends RunEntry {
  /** Its place in the log. */
  readonly seq: number;
  readonly recordedAt: number;
}
