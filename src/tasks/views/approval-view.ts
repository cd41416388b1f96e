/** What a task asks people, as they read it. */
import type { TaskState } from "../../engine/state/state.ts";
import { approvalNumbered, stepAt } from "../../engine/state/state.ts";
import type { Approval, Decision, Step } from "../../engine/state/step-state.ts";
import { approvalId } from "./waiting-view.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import type { Json } from "../../shared/json.ts";
import { isoTime } from "../../shared/time.ts";

export type ApprovalStatus = "pending" | "approved" | "rejected" | "expired" | "canceled";

export interface ApprovalHead {
  readonly id: string;
  readonly task_id: string;
  readonly step_id: string;
  readonly title: string;
  readonly status: ApprovalStatus;
  readonly assignees: readonly string[];
  readonly quorum: number;
  readonly editable: boolean;
  readonly requested_at: string;
  readonly due_at: string | null;
  readonly decided_at: string | null;
  readonly decisions: readonly {
    readonly by: string;
    readonly decision: "approve" | "reject";
    readonly comment: string | null;
    /** SHA-256 of what they decided on, as they left it, and whether they had edited it. */
    readonly hash: string;
    readonly edited: boolean;
    readonly at: string;
  }[];
}

export interface ApprovalDetail extends ApprovalHead {
  /** What is to be approved, and its SHA-256: a decision may name that to be about nothing else. */
  readonly payload: Json;
  readonly hash: string;
}

export function approvalHead(state: TaskState, number: number): ApprovalHead | null {
  const step = stepOfApproval(state, number);
  const approval = approvalNumbered(state, number);
  if (step === null || approval === null) return null;
  const isForMore = state.budgetAsks.has(number);
  return {
    id: approvalId(state.created.task, number),
    task_id: state.created.task,
    step_id: step.path,
    title: approval.title,
    status: isForMore ? statusOfAsk(state, approval) : statusOfApproval(step),
    assignees: approval.assignees,
    quorum: approval.quorum,
    editable: approval.isEditable,
    requested_at: isoTime(approval.requestedAt),
    due_at: approval.dueAt === null ? null : isoTime(approval.dueAt),
    decided_at: decidedAt(isForMore ? (approval.decisions[0]?.at ?? null) : step.settledAt),
    decisions: approval.decisions.map(decisionView),
  };
}

export function decisionView({ by, decision, comment, asked, hash, at }: Decision): ApprovalHead["decisions"][number] {
  return { by, decision, comment, hash, edited: hash !== asked, at: isoTime(at) };
}

const decidedAt = (at: number | null): string | null => (at === null ? null : isoTime(at));

function statusOfAsk({ ending, end }: TaskState, { decisions }: Approval): ApprovalStatus {
  const [decision] = decisions;
  if (decision !== undefined) return decision.decision === "approve" ? "approved" : "rejected";
  return end === null && ending === null ? "pending" : "canceled";
}

/** `read` gives what is recorded, `undefined` where it is kept no longer. */
export function approvalDetail(state: TaskState, number: number, read: (stored: StoredValue) => Json | undefined): ApprovalDetail | null {
  const head = approvalHead(state, number);
  const approval = approvalNumbered(state, number);
  return head === null || approval === null ? null : { ...head, payload: read(approval.payload) ?? null, hash: approval.hash };
}

function stepOfApproval(state: TaskState, number: number): Step | null {
  const index = state.approvals[number - 1];
  return index === undefined ? null : stepAt(state, index);
}

function statusOfApproval({ phase, approval }: Step): ApprovalStatus {
  switch (phase.status) {
    case "waiting":
      return "pending";
    case "canceled":
      return "canceled";
    case "completed":
      // Nobody decided; the step has an output for that.
      if (approval?.outcome === "fail") return "expired";
      return (approval?.outcome ?? approval?.decisions.at(-1)?.decision) === "approve" ? "approved" : "rejected";
    case "failed":
    case "pending":
    case "running":
    case "retrying":
    case "open":
    case "skipped":
      return "expired";
  }
}

/** What tells whether somebody has to hear of it again. */
export function approvalVersion({ status, decisions, due_at }: ApprovalHead): string {
  return `${status}/${decisions.length}/${due_at ?? ""}`;
}
