/** A step as readers get it, in the words of the API. */
import { z } from "@hono/zod-openapi";
import { receipt } from "../../agents/routes/agent-schemas.ts";
import { isoTime } from "../../shared/time.ts";
import { Decisions, decisionView } from "./approval-view.ts";
import { STEP_KINDS } from "../../language/kinds/table.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { stepStatus, type Approval, type Attempt, type Branches, type Step } from "../../engine/state/step-state.ts";
import { approvalId, errorView, ErrorView, isoOrNull, stepWaitingOn, WaitingOn, restsUntil } from "./waiting-view.ts";

const STEP_STATUS = ["pending", "running", "waiting", "retrying", "completed", "failed", "skipped", "canceled"] as const;
const time = z.iso.datetime();

export const StepView = z
  .object({
    id: z.string().openapi({ description: "Its id, after those of the steps it is inside of: `each[3]/fetch`" }),
    type: z.enum(STEP_KINDS),
    status: z.enum(STEP_STATUS),
    attempts: z.int(),
    agent: z.string().nullable(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    error: ErrorView.nullable(),
    why: z.string().optional().openapi({ description: "Why this agent, in a sentence" }),
    receipt: receipt.optional(),
    earlier: z
      .array(
        z.object({
          attempt: z.int(),
          agent: z.string(),
          end: z.enum(["failed", "canceled", "declined"]),
          at: time,
          code: z.string(),
          message: z.string(),
        }),
      )
      .readonly()
      .optional()
      .openapi({ description: "Attempts that brought nothing, the last ones" }),
    live: z
      .array(
        z.object({
          attempt: z.int(),
          agent: z.string(),
          status: z.enum(["in_line", "sent", "claimed"]),
          way: z.enum(["inline", "relay", "queue", "pull"]).nullable(),
          hedge: z.literal(true).optional(),
          since: time,
          lease_until: time.optional(),
        }),
      )
      .readonly()
      .optional(),
    waiting_on: WaitingOn.optional(),
    branches: z
      .object({ total: z.int().nullable(), running: z.int(), completed: z.int(), failed: z.int() })
      .optional()
      .openapi({ description: "Its items, iterations or cases" }),
    task_id: z.string().optional().openapi({ description: "The task that it has started" }),
    approval: z
      .object({
        id: z.string(),
        title: z.string(),
        assignees: z.array(z.string()).readonly(),
        due_at: time.nullable(),
        decisions: Decisions,
      })
      .optional(),
    reason: z.string().optional(),
    kept: z.literal(true).optional().openapi({ description: "It had completed already in the task whose past this one shares" }),
    cached: z
      .object({ task_id: z.string(), made_at: time })
      .optional()
      .openapi({ description: "The result was made before, for that task" }),
    warnings: z
      .array(z.string())
      .readonly()
      .optional()
      .openapi({ description: "What did not keep it from completing, and should be known" }),
    degraded: ErrorView.optional().openapi({ description: "It has less than was asked for, because of this" }),
  })
  .openapi("Step");
export type StepView = z.infer<typeof StepView>;

type BranchesView = NonNullable<StepView["branches"]>;

type ApprovalView = NonNullable<StepView["approval"]>;

type LiveAttemptView = NonNullable<StepView["live"]>[number];

/** Steps `from` up to `to`: the workflow's own in its order, then those inside them as they were opened. */
export function stepViews(state: TaskState, from: number, to: number): readonly StepView[] {
  return state.steps.slice(from, to).map((step) => stepView(state, step));
}

/** It is in line, or somebody has it until a time that readers may want to know. */
const isToldOf = ({ way, claim }: Attempt): boolean => way === null || (claim !== null && claim.via !== "queue");

function stepView(state: TaskState, step: Step): StepView {
  const { phase } = step;
  const waits = phase.status === "waiting" || phase.status === "retrying" || stepStatus(step) === "waiting" || restsUntil(step) !== null;
  const degraded = phase.status === "completed" ? phase.degraded : step.degraded;
  const live = phase.status === "running" && (phase.live.length > 1 || phase.live.some(isToldOf)) ? phase.live.map(liveView) : null;
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
    ...(step.usageFault !== null && { warnings: [`The agent's ${step.usageFault}`] }),
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
