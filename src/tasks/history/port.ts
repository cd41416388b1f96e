/** What history takes from a task's object. */
import type { ApprovalHead } from "../views/approval-view.ts";
import type { TaskHead } from "../views/view.ts";
import type { ArchiveGathering } from "./archive-gathering.ts";

export interface HistoryPort {
  /** Whether history has a task that its object has forgotten. */
  readonly has: (tenant: string, task: string) => Promise<boolean>;
  /** Sends a status row on its way; it may be lost. */
  readonly publish: (row: HistoryRow) => Promise<void>;
  /** Sends what people are asked on its way; it may be lost. */
  readonly publishApprovals: (rows: readonly ApprovalRow[]) => Promise<void>;
  /** Writes a status row and what people are asked, and answers once they are there. */
  readonly write: (row: HistoryRow, approvals: readonly ApprovalRow[]) => Promise<void>;
  /** Where a task that has ended lies until it is stored, by itself or with others. */
  readonly archives: ArchiveGathering;
  /** Forgets all of a task. */
  readonly remove: (tenant: string, task: string) => Promise<void>;
}

/** All that history keeps of a task that has ended. */
export interface FinishedTask {
  readonly row: HistoryRow;
  readonly parts: readonly ArchivePart[];
  /** What people were asked. */
  readonly approvals: readonly ApprovalRow[];
}

/** PERSISTED in the queue and D1: an approval as it stood at event `seq` of its task. */
export interface ApprovalRow {
  readonly v: 1;
  readonly type: "approval";
  readonly tenant: string;
  readonly seq: number;
  readonly head: ApprovalHead;
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
  /** The task that started it. */
  readonly parent?: string;
  /** Since when it is kept, where it ended elsewhere. */
  readonly imported_at?: number;
}

/** PERSISTED in D1: whole lines of an archive. */
export interface ArchivePart {
  readonly part: number;
  readonly first_seq: number;
  readonly body: string;
}
