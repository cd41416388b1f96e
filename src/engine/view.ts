/** The task as readers get it: another fold's projection, in the words of the API. */
import type { Json } from "../shared/json.ts";
import { isoTime } from "../shared/time.ts";
import type { Failure } from "./event.ts";
import { stepAt, type Graph } from "./graph.ts";
import { statusOf, stepStateAt, type EndStatus, type StepStatus, type TaskState, type TaskStatus } from "./state.ts";

/** What a task or step waits for. `count` is how many steps wait, of which this is due first. */
export interface WaitingOn {
  readonly type: "agent" | "timer";
  readonly step_id: string;
  readonly capability?: string;
  readonly agent?: string;
  readonly since?: string;
  /** When it is looked at again. */
  readonly until: string;
  readonly count?: number;
}

export interface ErrorView {
  readonly code: string;
  readonly message: string;
  readonly step_id?: string;
}

export interface TaskHead {
  readonly id: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly status: TaskStatus;
  readonly waiting_on: WaitingOn | null;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly deadline: string | null;
  readonly error: ErrorView | null;
}

export interface StepView {
  readonly id: string;
  readonly status: StepStatus;
  readonly attempts: number;
  readonly agent: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly error: ErrorView | null;
  readonly waiting_on?: WaitingOn;
  /** Why it was skipped or canceled. */
  readonly reason?: string;
  /** It completed with its fallback, because of `error`. */
  readonly degraded?: true;
}

/** A finished task's answer. */
export interface TaskResult {
  readonly status: EndStatus;
  readonly output: Json;
  readonly error: ErrorView | null;
}

export function taskHead(graph: Graph, state: TaskState): TaskHead {
  const { created } = state;
  const status = statusOf(state);
  return {
    id: created.task,
    type: created.task_type ?? null,
    workflow: { name: created.workflow.name, version: created.workflow.version },
    status,
    waiting_on: status === "waiting" ? waitingOn(graph, state) : null,
    priority: created.priority,
    tags: created.tags,
    created_at: isoTime(state.createdAt),
    started_at: isoOrNull(state.startedAt),
    finished_at: isoOrNull(state.end?.at ?? null),
    deadline: isoOrNull(created.deadline_at ?? null),
    error: errorView(state.end?.error ?? null),
  };
}

/** Steps `from` up to `to`, in the order of the definition. */
export function stepViews(graph: Graph, state: TaskState, from: number, to: number): readonly StepView[] {
  return graph.steps.slice(from, to).map((node) => stepView(graph, state, node.index));
}

export function stepView(graph: Graph, state: TaskState, index: number): StepView {
  const step = stepStateAt(state, index);
  const { phase } = step;
  const waits = phase.status === "waiting" || phase.status === "retrying";
  const degraded = phase.status === "completed" ? phase.degraded : null;
  return {
    id: stepAt(graph, index).id,
    status: phase.status,
    attempts: step.attempts,
    agent: step.agent,
    started_at: isoOrNull(step.startedAt),
    finished_at: isoOrNull(step.settledAt),
    error: errorView(phase.status === "completed" ? degraded : step.error),
    ...(waits && { waiting_on: stepWaitingOn(graph, state, index) }),
    ...((phase.status === "skipped" || phase.status === "canceled") && { reason: phase.reason }),
    ...(degraded !== null && { degraded: true as const }),
  };
}

/** The reason due first among the steps that wait, and how many there are. */
function waitingOn(graph: Graph, state: TaskState): WaitingOn | null {
  let first: { readonly index: number; readonly at: number } | null = null;
  for (const index of [...state.waiting, ...state.retrying]) {
    const at = dueAt(state, index);
    if (first === null || at < first.at) first = { index, at };
  }
  return first && { ...stepWaitingOn(graph, state, first.index), count: state.waiting.size + state.retrying.size };
}

function dueAt(state: TaskState, index: number): number {
  const { phase } = stepStateAt(state, index);
  if (phase.status === "waiting") return phase.lookAt;
  return phase.status === "retrying" ? phase.retryAt : Number.POSITIVE_INFINITY;
}

function stepWaitingOn(graph: Graph, state: TaskState, index: number): WaitingOn {
  const { phase } = stepStateAt(state, index);
  const step_id = stepAt(graph, index).id;
  const until = isoTime(dueAt(state, index));
  if (phase.status === "waiting") return { ...phase.waitingOn, step_id, since: isoTime(phase.since), until };
  return { type: "timer", step_id, until };
}

export function errorView(failure: Failure | null): ErrorView | null {
  if (failure === null) return null;
  const { code, message, step_id } = failure;
  return { code, message, ...(step_id !== undefined && { step_id }) };
}

function isoOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
