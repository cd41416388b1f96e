/** What a task asks people, as they read it. */
import { z } from "@hono/zod-openapi";
import type { TaskState } from "../../engine/state/state.ts";
import { approvalNumbered, stepAt } from "../../engine/state/state.ts";
import type { Approval, Decision, Step } from "../../engine/state/step-state.ts";
import { ByView } from "../../http/by.ts";
import { asTold, deciderOf } from "./by-view.ts";
import { approvalId } from "./waiting-view.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import type { Json } from "../../shared/json.ts";
import { isoTime } from "../../shared/time.ts";

export const APPROVAL_STATUS = ["pending", "approved", "rejected", "expired", "canceled"] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUS)[number];
export const DECISION = ["approve", "reject"] as const;
const time = z.iso.datetime();

/** Those of a list may be from before there was a hash. */
const DecisionView = z.object({
  by: ByView,
  counts_as: z.string().optional().openapi({ description: "Whose word a quorum counts it as, of what was said by a link" }),
  decision: z.enum(DECISION),
  comment: z.string().nullable(),
  hash: z.string().optional().openapi({ description: "SHA-256 of what they decided on, as they left it" }),
  edited: z.boolean().optional(),
  at: time,
});
type DecisionView = z.infer<typeof DecisionView>;
export const Decisions = z.array(DecisionView).readonly();

export const ApprovalHead = z
  .object({
    id: z.string(),
    task_id: z.string(),
    step_id: z.string(),
    title: z.string(),
    status: z.enum(APPROVAL_STATUS),
    assignees: z.array(z.string()).readonly(),
    quorum: z.int(),
    editable: z.boolean(),
    requested_at: time,
    due_at: time.nullable(),
    decided_at: time.nullable(),
    decisions: Decisions,
  })
  .readonly()
  .openapi("Approval");
export type ApprovalHead = z.infer<typeof ApprovalHead>;

export const ApprovalDetail = ApprovalHead.unwrap()
  .extend({ payload: z.unknown(), hash: z.string().openapi({ description: "SHA-256 of the payload, its keys sorted" }) })
  .readonly()
  .openapi("ApprovalDetail");
export type ApprovalDetail = z.infer<typeof ApprovalDetail>;

export function approvalHead(state: TaskState, number: number): ApprovalHead | null {
  const step = stepOfApproval(state, number);
  const approval = approvalNumbered(state, number);
  if (step === null || approval === null) return null;
  const isForMore = state.asks.has(number);
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
    decisions: approval.decisions.map((one) => decisionView(one, state)),
  };
}

export function decisionView(
  { by, voice, actor, decision, comment, asked, hash, at }: Decision,
  { created }: Pick<TaskState, "created">,
): DecisionView {
  const counts_as = voice === by ? {} : { counts_as: voice };
  return { by: asTold(deciderOf({ by, actor }), created), ...counts_as, decision, comment, hash, edited: hash !== asked, at: isoTime(at) };
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

type StoredDecision = Omit<DecisionView, "by"> & { readonly by: ByView | string };

/** An approval as history keeps it, maybe from before it said more of who decided than what a quorum counts them by. */
export interface StoredApproval extends Omit<ApprovalHead, "decisions"> {
  readonly decisions: readonly StoredDecision[];
}

export function approvalFromHistory({ decisions, ...head }: StoredApproval): ApprovalHead {
  return { ...head, decisions: decisions.map((one) => ({ ...one, by: typeof one.by === "string" ? deciderOf({ by: one.by }) : one.by })) };
}

/** What tells whether somebody has to hear of it again. */
export function approvalVersion({ status, decisions, due_at }: ApprovalHead): string {
  return `${status}/${decisions.length}/${due_at ?? ""}`;
}
