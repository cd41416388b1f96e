/** The task as readers get it: another fold's projection, in the words of the API. */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import { budgetView, type BudgetView } from "./budget-view.ts";
import { statusOf, type TaskState, type TaskStatus } from "../../engine/state/state.ts";
import type { EndStatus } from "../../engine/facts/event.ts";
import type { ByView } from "../../http/by.ts";
import { inferredSubmitter, submitterOf } from "./by-view.ts";
import { errorView, isoOrNull, waitingOn, type ErrorView, type WaitingOn } from "./waiting-view.ts";

export interface TaskHead {
  readonly id: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly status: TaskStatus;
  readonly waiting_on: WaitingOn | null;
  readonly priority: number;
  readonly tags: readonly string[];
  /** Who submitted it, or whoever made it start; `null` where that was not recorded. */
  readonly by: ByView | null;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly deadline: string | null;
  readonly error: ErrorView | null;
  /** What it may spend, and has spent. */
  readonly budget?: BudgetView;
  /** It completed with what it had when its budget was exhausted. */
  readonly partial?: true;
  /** It must end so, and is undoing what it has done. */
  readonly ending?: "failed" | "canceled" | "timed_out";
  /** Steps that were undone, or are being, in that order. */
  readonly compensations?: readonly CompensationView[];
  /** The task and step that started it; the task whose end did. */
  readonly parent?: { readonly task_id: string; readonly step_id: string };
  readonly chained_from?: string;
  /** The task whose past it shares, up to which of its events; `retry`: to do again what had failed, and nothing else. */
  readonly forked_from?: { readonly task_id: string; readonly seq: number; readonly retry: boolean };
  /** What its id was elsewhere. */
  readonly imported_from?: string;
  /** The schedule that started it, and the time that it is for. */
  readonly scheduled_by?: { readonly schedule: string; readonly at: string };
  /** What was started when this one had ended. */
  readonly chained?: readonly ChainedView[];
}

export interface ChainedView {
  readonly workflow: string;
  readonly task_id: string | null;
  readonly error: ErrorView | null;
}

export interface CompensationView {
  readonly step_id: string;
  readonly status: "running" | "completed" | "failed";
  readonly error: ErrorView | null;
}

/** A finished task's answer. */
export interface TaskResult {
  readonly status: EndStatus;
  readonly output: Json;
  readonly error: ErrorView | null;
  /** Steps that completed with less than was asked for, and why. */
  readonly degraded?: readonly ErrorView[];
  /** It is what the task had when its budget was exhausted. */
  readonly partial?: true;
}

export function taskHead(state: TaskState): TaskHead {
  const { created, ending, compensations } = state;
  const status = statusOf(state);
  return {
    id: created.task,
    type: created.task_type ?? null,
    workflow: { name: created.workflow.name, version: created.workflow.version },
    status,
    waiting_on: status === "waiting" || status === "queued" ? waitingOn(state) : null,
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
      compensations: compensations
        .slice(0, LIMITS.viewSteps)
        .map(({ step, status: how, error }) => ({ step_id: step, status: how, error: errorView(error) })),
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
