/** The task as readers get it: another fold's projection, in the words of the API. */
import { z } from "@hono/zod-openapi";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import { budgetView, BudgetView } from "./budget-view.ts";
import { statusOf, type TaskState } from "../../engine/state/state.ts";
import type { EndStatus } from "../../engine/facts/event.ts";
import { ByView } from "../../http/by.ts";
import { inferredSubmitter, submitterOf } from "./by-view.ts";
import { errorView, ErrorView, isoOrNull, waitingOn, WaitingOn, type FailureView, isResting } from "./waiting-view.ts";

export const TASK_STATUS = ["queued", "running", "waiting", "paused", "completed", "failed", "canceled", "timed_out", "rejected"] as const;
const time = z.iso.datetime();

export const TaskHead = z
  .object({
    id: z.string(),
    type: z.string().nullable(),
    workflow: z.object({ name: z.string().nullable(), version: z.int().nullable() }),
    status: z.enum(TASK_STATUS),
    waiting_on: WaitingOn.nullable(),
    priority: z.int(),
    tags: z.array(z.string()).readonly(),
    by: ByView.nullable().openapi({ description: "Who submitted it, or what made it start" }),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    deadline: time.nullable(),
    error: ErrorView.nullable(),
    budget: BudgetView.optional(),
    partial: z.literal(true).optional().openapi({ description: "It completed with what it had when its budget was exhausted" }),
    ending: z
      .enum(["failed", "canceled", "timed_out"])
      .optional()
      .openapi({ description: "It must end so, and is undoing what it has done" }),
    compensations: z
      .array(
        z.object({
          step_id: z.string(),
          status: z.enum(["running", "completed", "failed"]),
          error: ErrorView.nullable(),
          task_id: z.string().optional().openapi({ description: "Undoes what the step's task did" }),
        }),
      )
      .readonly()
      .optional()
      .openapi({ description: "Steps that were undone, in that order" }),
    parent: z.object({ task_id: z.string(), step_id: z.string() }).optional(),
    scheduled_by: z
      .object({ schedule: z.string(), at: time })
      .optional()
      .openapi({ description: "The schedule that started it, and the time that it is for; expressions read `task.scheduled_at`" }),
    forked_from: z
      .object({ task_id: z.string(), seq: z.int(), retry: z.boolean() })
      .optional()
      .openapi({ description: "The task whose past it shares, up to which of its events" }),
    imported_from: z.string().optional().openapi({ description: "The id that it had where it ran" }),
    chained_from: z.string().optional().openapi({ description: "The task whose end started this one" }),
    chained: z
      .array(z.object({ workflow: z.string(), task_id: z.string().nullable(), error: ErrorView.nullable() }))
      .readonly()
      .optional()
      .openapi({ description: "What was started when this one had ended" }),
  })
  .openapi("TaskStatus");
export type TaskHead = z.infer<typeof TaskHead>;

/** A finished task's answer. */
const result = {
  status: z.enum(TASK_STATUS),
  output: z.unknown(),
  error: ErrorView.nullable(),
  degraded: z.array(ErrorView).readonly().optional(),
  partial: z.literal(true).optional(),
};
export const TaskResult = z.object(result).openapi("TaskResult");
export type TaskResult = z.infer<typeof TaskResult> & {
  readonly status: EndStatus;
  readonly output: Json;
  readonly error: FailureView | null;
};

/** What `wait` answers when the task has ended. */
export const EndedTask = z.object({ id: z.string(), ...result }).openapi("EndedTask");
export type EndedTask = z.infer<typeof EndedTask>;

export function taskHead(state: TaskState): TaskHead {
  const { created, ending, compensations } = state;
  const status = statusOf(state);
  return {
    id: created.task,
    type: created.task_type ?? null,
    workflow: { name: created.workflow.name, version: created.workflow.version },
    status,
    waiting_on: status === "waiting" || status === "queued" || (status === "running" && isResting(state)) ? waitingOn(state) : null,
    priority: created.priority,
    tags: created.tags,
    by: submitterOf(created),
    created_at: isoTime(state.createdAt),
    started_at: isoOrNull(state.startedAt),
    finished_at: isoOrNull(state.end?.at ?? null),
    deadline: isoOrNull(created.deadline_at ?? null),
    error: errorView(state.end?.error ?? ending?.error ?? null),
    ...(state.budget !== null && { budget: budgetView(state) as BudgetView }),
    ...(state.isPartial && { partial: true as const }),
    ...(ending !== null && state.end === null && { ending: ending.status }),
    ...(compensations.length > 0 && {
      compensations: compensations.slice(0, LIMITS.viewSteps).map(({ step, status: how, error, task }) => ({
        step_id: step,
        status: how,
        error: errorView(error),
        ...(task !== null && { task_id: task }),
      })),
    }),
    ...(created.parent && { parent: { task_id: created.parent.task, step_id: created.parent.step } }),
    ...(created.chain && { chained_from: created.chain.from }),
    ...(created.forked && {
      forked_from: { task_id: created.forked.from, seq: created.forked.seq, retry: created.forked.retry ?? false },
    }),
    ...(created.imported && { imported_from: created.imported.from }),
    ...(created.schedule !== undefined && {
      scheduled_by: { schedule: created.schedule, at: isoTime(created.scheduled_at ?? state.createdAt) },
    }),
    ...(state.chained.length > 0 && {
      chained: state.chained.map(({ workflow, task = null, error = null }) => ({ workflow, task_id: task, error: errorView(error) })),
    }),
  };
}

/** A head as history keeps it, maybe from before it said by whom. */
export type StoredHead = Omit<TaskHead, "by"> & { readonly by?: ByView | null };

export function headFromHistory(head: StoredHead): TaskHead {
  if (head.by !== undefined) return { ...head, by: head.by };
  const isFork = head.forked_from !== undefined;
  const told = { parent: head.parent?.task_id, isFork, chainedFrom: head.chained_from, schedule: head.scheduled_by?.schedule };
  return { ...head, by: inferredSubmitter(told) };
}

/** What the task's result says of steps that were degraded, as far as anybody reads. */
export function degradedSteps(state: TaskState): readonly ErrorView[] {
  const degraded: ErrorView[] = [];
  for (const { phase, path } of state.steps) {
    if (phase.status !== "completed" || phase.degraded === null || degraded.length >= LIMITS.faults) continue;
    degraded.push({ code: phase.degraded.code, message: phase.degraded.message, step_id: path });
  }
  return degraded;
}
