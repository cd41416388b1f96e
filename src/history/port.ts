/** What history takes from a task's object. */
import type { TaskHead } from "../engine/view.ts";

export interface HistoryPort {
  /** Whether history has a task that its object has forgotten. */
  readonly has: (tenant: string, task: string) => Promise<boolean>;
  /** Sends a status row on its way; it may be lost. */
  readonly publish: (row: HistoryRow) => Promise<void>;
  /** Writes the last row and the archive, and answers once both are there. */
  readonly archive: (row: HistoryRow, parts: readonly ArchivePart[]) => Promise<void>;
}

/** PERSISTED in the queue and D1: a task at event `seq`. */
export interface HistoryRow {
  readonly v: 1;
  readonly tenant: string;
  readonly seq: number;
  readonly head: TaskHead;
  /** The capability or agent id that a waiting task lacks. */
  readonly waiting_for: string | null;
  readonly fingerprint: string | null;
}

/** PERSISTED in D1: whole lines of an archive. */
export interface ArchivePart {
  readonly part: number;
  readonly first_seq: number;
  readonly body: string;
}
