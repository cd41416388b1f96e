/** A step as readers get it, in the words of the API. */
import { isoTime } from "../../shared/time.ts";
import { decisionView, type ApprovalHead } from "./approval-view.ts";
import type { StepKind } from "../../language/kinds/table.ts";
import type { Way } from "../../engine/facts/call.ts";
import type { Receipt } from "../../engine/facts/receipt.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { stepStatus, type Approval, type Attempt, type Branches, type Step, type StepStatus } from "../../engine/state/step-state.ts";
import { approvalId, errorView, isoOrNull, stepWaitingOn, type ErrorView, type WaitingOn } from "./waiting-view.ts";

export interface StepView {
  /** Its path: the ids and branches of the steps it is inside of come first. */
  readonly id: string;
  readonly type: StepKind;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly agent: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: ErrorView | null;
  /** Why this agent. */
  readonly why?: string;
  readonly receipt?: Receipt;
  /** Attempts before, and why there had to be another. */
  readonly earlier?: readonly EarlierAttemptView[];
  /** Attempts under way, where there are several or they wait in line. */
  readonly live?: readonly LiveAttemptView[];
  readonly waiting_on?: WaitingOn;
  /** Its items, iterations or cases. */
  readonly branches?: BranchesView;
  /** The task that it has started. */
  readonly task_id?: string;
  readonly approval?: ApprovalView;
  /** Why it was skipped or canceled. */
  readonly reason?: string;
  /** The result was made before, for another task. */
  readonly cached?: { readonly task_id: string; readonly made_at: string };
  /** It goes on or completed with less than was asked for: a fallback, or its default output. */
  readonly degraded?: ErrorView;
  /** It had completed already in the task whose past this one shares. */
  readonly kept?: true;
}

export interface BranchesView {
  /** As far as it is known. */
  readonly total: number | null;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
}

export interface ApprovalView {
  readonly id: string;
  readonly title: string;
  readonly assignees: readonly string[];
  readonly due_at: string | null;
  readonly decisions: ApprovalHead["decisions"];
}

export interface EarlierAttemptView {
  readonly attempt: number;
  readonly agent: string;
  readonly end: "failed" | "canceled" | "declined";
  readonly at: string;
  readonly code: string;
  readonly message: string;
}

export interface LiveAttemptView {
  readonly attempt: number;
  readonly agent: string;
  readonly status: "in_line" | "sent" | "claimed";
  readonly way: Way | null;
  readonly hedge?: true;
  readonly since: string;
  readonly lease_until?: string;
}

/** Steps `from` up to `to`: the workflow's own in its order, then those inside them as they were opened. */
export function stepViews(state: TaskState, from: number, to: number): readonly StepView[] {
  return state.steps.slice(from, to).map((step) => stepView(state, step));
}

function stepView(state: TaskState, step: Step): StepView {
  const { phase } = step;
  const waits = phase.status === "waiting" || phase.status === "retrying" || stepStatus(step) === "waiting";
  const degraded = phase.status === "completed" ? phase.degraded : step.degraded;
  const live = phase.status === "running" && (phase.live.length > 1 || phase.live[0]?.way === null) ? phase.live.map(liveView) : null;
  const child = childOf(step);
  const cached = state.cache.asked.get(step.index)?.from;
  return {
    id: step.path,
    type: step.node.kind,
    status: stepStatus(step),
    attempts: step.attempts,
    agent: step.agent,
    started_at: isoOrNull(step.startedAt),
    finished_at: isoOrNull(step.settledAt),
    error: errorView(phase.status === "completed" ? null : step.error),
    ...(step.past !== null && { earlier: step.past.map((one) => ({ ...one, at: isoTime(one.at) })) }),
    ...(live && { live }),
    ...(waits && { waiting_on: stepWaitingOn(state, step) }),
    ...(step.branches !== null && child === null && { branches: branchesView(step.branches) }),
    ...(child !== null && { task_id: child }),
    ...(step.approval !== null && { approval: approvalView(state, step.approval) }),
    ...((phase.status === "skipped" || phase.status === "canceled") && { reason: phase.reason }),
    ...(cached && { cached: { task_id: cached.task, made_at: isoTime(cached.made_at) } }),
    ...(degraded !== null && { degraded: errorView(degraded) as ErrorView }),
    ...(phase.status === "completed" && phase.kept && { kept: true as const }),
  };
}

function branchesView({ count, chunk, opened, ended, failed, failedItems }: Branches): BranchesView {
  if (chunk === null || count === null) return { total: count, running: opened - ended, completed: ended - failed, failed };
  // Of items in tasks of their own only the ends are known here.
  const done = Math.min(count, ended * chunk);
  return { total: count, running: Math.min(count, opened * chunk) - done, completed: done - failedItems, failed: failedItems };
}

function approvalView(state: TaskState, { number, title, assignees, dueAt, decisions }: Approval): ApprovalView {
  return {
    id: approvalId(state.created.task, number),
    title,
    assignees,
    due_at: isoOrNull(dueAt),
    decisions: decisions.map((one) => decisionView(one, state)),
  };
}

/** The task that a step of kind `workflow` has started. */
const childOf = (step: Step): string | null => step.branches?.task ?? null;

function liveView(attempt: Attempt): LiveAttemptView {
  return {
    attempt: attempt.number,
    agent: attempt.agent,
    status: attempt.way === null ? "in_line" : attempt.claim === null ? "sent" : "claimed",
    way: attempt.way,
    ...(attempt.hedge && { hedge: true as const }),
    since: isoTime(attempt.startedAt),
    ...(attempt.claim !== null && { lease_until: isoTime(attempt.claim.leaseUntil) }),
  };
}
