/** The task as readers get it: another fold's projection, in the words of the API. */
import type { Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { isoTime } from "../shared/time.ts";
import type { Failure, Receipt, Way } from "./event.ts";
import { stepAt, type Graph } from "./graph.ts";
import {
  statusOf,
  stepStateAt,
  stepStatus,
  type Attempt,
  type EndStatus,
  type StepStatus,
  type TaskState,
  type TaskStatus,
} from "./state.ts";

/** What a task or step waits for. `count` is how many steps wait, of which this is due first. */
export interface WaitingOn {
  readonly type: "agent" | "capacity" | "timer";
  readonly step_id: string;
  readonly capability?: string;
  readonly agent?: string;
  /** In the line of the agent, 1 for who is next. */
  readonly position?: number;
  /** Why nobody has it yet. */
  readonly why?: string;
  readonly since?: string;
  /** When it is looked at again, or given up. */
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
  /** Why this agent. */
  readonly why?: string;
  readonly receipt?: Receipt;
  /** Attempts before, and why there had to be another. */
  readonly earlier?: readonly EarlierAttemptView[];
  /** Attempts under way, where there are several or they wait in line. */
  readonly live?: readonly LiveAttemptView[];
  readonly waiting_on?: WaitingOn;
  /** Why it was skipped or canceled. */
  readonly reason?: string;
  /** It goes on or completed with less than was asked for: a fallback, or its default output. */
  readonly degraded?: ErrorView;
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

/** A finished task's answer. */
export interface TaskResult {
  readonly status: EndStatus;
  readonly output: Json;
  readonly error: ErrorView | null;
  /** Steps that completed with less than was asked for, and why. */
  readonly degraded?: readonly ErrorView[];
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

function stepView(graph: Graph, state: TaskState, index: number): StepView {
  const step = stepStateAt(state, index);
  const { phase } = step;
  const waits = phase.status === "waiting" || phase.status === "retrying" || stepStatus(phase) === "waiting";
  const degraded = phase.status === "completed" ? phase.degraded : step.degraded;
  const live = phase.status === "running" && (phase.live.length > 1 || phase.live[0]?.way === null) ? phase.live.map(liveView) : null;
  return {
    id: stepAt(graph, index).id,
    status: stepStatus(phase),
    attempts: step.attempts,
    agent: step.agent,
    started_at: isoOrNull(step.startedAt),
    finished_at: isoOrNull(step.settledAt),
    error: errorView(phase.status === "completed" ? null : step.error),
    ...(step.past !== null && { earlier: step.past.map((one) => ({ ...one, at: isoTime(one.at) })) }),
    ...(live && { live }),
    ...(waits && { waiting_on: stepWaitingOn(graph, state, index) }),
    ...((phase.status === "skipped" || phase.status === "canceled") && { reason: phase.reason }),
    ...(degraded !== null && { degraded: errorView(degraded) as ErrorView }),
  };
}

/** What the task's result says of steps that were degraded, as far as anybody reads. */
export function degradedSteps(graph: Graph, state: TaskState): readonly ErrorView[] {
  const degraded: ErrorView[] = [];
  for (const [index, { phase }] of state.steps.entries()) {
    if (phase.status !== "completed" || phase.degraded === null || degraded.length >= LIMITS.faults) continue;
    degraded.push({ code: phase.degraded.code, message: phase.degraded.message, step_id: stepAt(graph, index).id });
  }
  return degraded;
}

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

/** The reason due first among the steps that wait, and how many there are. */
function waitingOn(graph: Graph, state: TaskState): WaitingOn | null {
  let first: { readonly index: number; readonly at: number } | null = null;
  let count = state.waiting.size + state.retrying.size;
  const look = (index: number): void => {
    const at = dueAt(state, index);
    if (first === null || at < first.at) first = { index, at };
  };
  for (const index of [...state.waiting, ...state.retrying]) look(index);
  if (state.queued > 0) {
    for (const [index, { phase }] of state.steps.entries()) {
      if (phase.status !== "running" || stepStatus(phase) !== "waiting") continue;
      count++;
      look(index);
    }
  }
  return first && { ...stepWaitingOn(graph, state, (first as { readonly index: number }).index), count };
}

function dueAt(state: TaskState, index: number): number {
  const { phase } = stepStateAt(state, index);
  if (phase.status === "waiting") return phase.lookAt;
  if (phase.status === "running") return (stepStateAt(state, index).waitingSince ?? state.at) + state.created.queue_ttl_ms;
  return phase.status === "retrying" ? phase.retryAt : Number.POSITIVE_INFINITY;
}

function stepWaitingOn(graph: Graph, state: TaskState, index: number): WaitingOn {
  const { phase } = stepStateAt(state, index);
  const step_id = stepAt(graph, index).id;
  const until = isoTime(dueAt(state, index));
  if (phase.status === "waiting") return { ...phase.waitingOn, step_id, since: isoTime(phase.since), until };
  if (phase.status === "running") {
    const [first] = phase.live;
    return { type: "capacity", step_id, ...(first && { agent: first.agent, since: isoTime(first.startedAt) }), until };
  }
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
