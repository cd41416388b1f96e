/**
 * The fold: what each fact changes. It never refuses one and never looks at a clock. State is consumed: the caller
 * keeps what is returned.
 */
import { stepAt, type Graph } from "./graph.ts";
import type { EventOf, Failure, TaskCreated, TaskEvent } from "./event.ts";
import { decide } from "./run-if.ts";
import {
  indexOf,
  initialState,
  liveAttempt,
  stepStateAt,
  type Attempt,
  type EndStatus,
  type Phase,
  type StepState,
  type TaskState,
} from "./state.ts";
import { resident, type StoredValue } from "./value.ts";
import { nextLookAt, scheduleLook } from "./wake.ts";

/** State after the first fact of a journal. */
export function begin(graph: Graph, created: TaskCreated, at: number): TaskState {
  const state = initialState(graph, { ...created, input: resident(created.input, 1), definition: DROPPED }, at);
  state.seq = 1;
  return state;
}

/** The definition lives on in the graph; keeping its text as well would double a large task. */
const DROPPED: StoredValue = { value: null };

export function evolve(graph: Graph, state: TaskState, events: readonly TaskEvent[], at: number): void {
  for (const event of events) {
    state.seq++;
    state.at = at;
    applyEvent(graph, state, event);
  }
}

function applyEvent(graph: Graph, state: TaskState, event: TaskEvent): void {
  switch (event.type) {
    case "task.created":
      throw new Error("Defect: a task is created once");
    case "task.started":
      state.startedAt = state.at;
      return;
    case "task.paused":
      state.paused = true;
      return;
    case "task.resumed":
      state.paused = false;
      return;
    case "task.completed":
      return endTask(state, "completed", event.output, null);
    case "task.failed":
      return endTask(state, "failed", null, event.error);
    case "task.canceled":
      return endTask(state, "canceled", null, null);
    case "task.timed_out":
      return endTask(state, "timed_out", null, event.error);
    case "task.rejected":
      return endTask(state, "rejected", null, event.error);
    case "task.archived":
      state.archivedAt = state.at;
      return;
    default: {
      const index = indexOf(graph, event.step);
      applyStepEvent(graph, state, index, stepStateAt(state, index), event);
    }
  }
}

type StepEvent = Extract<TaskEvent, { readonly step: string }>;

function applyStepEvent(graph: Graph, state: TaskState, index: number, step: StepState, event: StepEvent): void {
  switch (event.type) {
    case "step.started":
      step.startedAt = state.at;
      step.startedSeq = state.seq;
      return;
    case "step.waiting":
      enter(state, index, step, { status: "waiting", waitingOn: event.waiting_on, since: state.at, lookAt: 0 });
      return scheduleLook(state, index, nextLookAt(state.at, state.at, state.at + state.created.queue_ttl_ms));
    case "step.completed":
      observe(state, step, event.attempt, event.ms);
      rememberReply(step, event.attempt, event.digest);
      settle(graph, state, index, step, {
        status: "completed",
        output: resident(event.output, state.seq),
        degraded: event.degraded ?? null,
      });
      return;
    case "step.failed":
      if (stepAt(graph, index).onError.type !== "continue") state.failure ??= { ...event.error, step_id: event.step };
      step.error = event.error;
      settle(graph, state, index, step, { status: "failed", error: event.error });
      return;
    case "step.skipped":
      settle(graph, state, index, step, { status: "skipped", reason: event.reason });
      return;
    case "step.canceled":
      settle(graph, state, index, step, { status: "canceled", reason: event.reason });
      return;
    case "step.retry_scheduled":
      enter(state, index, step, { status: "retrying", retryAt: event.retry_at });
      state.starts.push({ at: event.retry_at, type: "retry", step: index, attempt: event.attempt });
      return;
    case "attempt.started":
      return startAttempt(state, index, step, event);
    case "attempt.claimed":
      return claimAttempt(state, index, step, event);
    case "attempt.progressed":
      return progressAttempt(state, index, step, event);
    case "attempt.failed":
      observe(state, step, event.attempt, event.ms);
      rememberReply(step, event.attempt, event.digest);
      step.error = event.error;
      if (step.phase.status === "running") {
        enter(state, index, step, { status: "running", live: step.phase.live.filter((attempt) => attempt.number !== event.attempt) });
      }
      return;
    case "attempt.lost":
      replaceAttempt(state, index, step, event.attempt, (attempt) => ({
        ...attempt,
        losses: event.sends,
        startedAt: state.at,
        claim: null,
      }));
      return;
  }
}

function startAttempt(state: TaskState, index: number, step: StepState, event: EventOf<"attempt.started">): void {
  const attempt: Attempt = { number: event.attempt, agent: event.agent, way: event.way, startedAt: state.at, losses: 0, claim: null };
  const live = step.phase.status === "running" ? [...step.phase.live, attempt] : [attempt];
  step.attempts = event.attempt;
  step.agent = event.agent;
  step.heartbeats = 0;
  enter(state, index, step, { status: "running", live });
}

function claimAttempt(state: TaskState, index: number, step: StepState, event: EventOf<"attempt.claimed">): void {
  if (event.via === "callback") observe(state, step, event.attempt, event.ms);
  replaceAttempt(state, index, step, event.attempt, (attempt) => ({
    ...attempt,
    claim:
      event.via === "queue"
        ? { via: "queue", delivery: event.delivery, leaseUntil: event.lease_until }
        : { via: "callback", leaseUntil: event.lease_until },
  }));
  state.clocks.push({ at: event.lease_until, type: "lease", step: index, attempt: event.attempt });
}

function progressAttempt(state: TaskState, index: number, step: StepState, event: EventOf<"attempt.progressed">): void {
  step.heartbeats++;
  const leaseUntil = event.lease_until;
  if (leaseUntil === undefined) return;
  replaceAttempt(state, index, step, event.attempt, (attempt) =>
    attempt.claim === null ? attempt : { ...attempt, claim: { ...attempt.claim, leaseUntil } },
  );
  state.clocks.push({ at: leaseUntil, type: "lease", step: index, attempt: event.attempt });
}

function replaceAttempt(state: TaskState, index: number, step: StepState, number: number, change: (attempt: Attempt) => Attempt): void {
  if (step.phase.status !== "running") return;
  enter(state, index, step, {
    status: "running",
    live: step.phase.live.map((attempt) => (attempt.number === number ? change(attempt) : attempt)),
  });
}

/** Moves a step to another phase, and every index over phases with it. */
function enter(state: TaskState, index: number, step: StepState, phase: Phase): void {
  count(state, index, step.phase, -1);
  step.phase = phase;
  count(state, index, phase, 1);
}

function count(state: TaskState, index: number, phase: Phase, by: 1 | -1): void {
  switch (phase.status) {
    case "running":
      for (const attempt of phase.live) {
        state.live += by;
        if (attempt.claim !== null) continue;
        state.unclaimed += by;
        if (attempt.way === "inline") state.inline += by;
      }
      return;
    case "waiting":
      return mark(state.waiting, index, by);
    case "retrying":
      return mark(state.retrying, index, by);
    case "pending":
    case "completed":
    case "failed":
    case "skipped":
    case "canceled":
      return;
  }
}

function mark(set: Set<number>, index: number, by: 1 | -1): void {
  if (by === 1) set.add(index);
  else set.delete(index);
}

function settle(graph: Graph, state: TaskState, index: number, step: StepState, phase: Phase): void {
  enter(state, index, step, phase);
  step.settledAt = state.at;
  step.settledSeq = state.seq;
  state.unsettled--;
  for (const dependent of stepAt(graph, index).dependents) {
    const waiter = stepStateAt(state, dependent);
    waiter.needs.unsettled--;
    if (phase.status === "completed") waiter.needs.completed++;
    else if (phase.status === "failed") waiter.needs.failed++;
    else waiter.needs.absent++;
    if (waiter.phase.status === "pending" && decide(stepAt(graph, dependent).runIf, waiter.needs) !== "undecided") {
      state.agenda.push(dependent);
    }
  }
}

function endTask(state: TaskState, status: EndStatus, output: StoredValue | null, error: Failure | null): void {
  state.end = { status, at: state.at, output: output === null ? null : resident(output, state.seq), error };
}

function rememberReply(step: StepState, attempt: number | undefined, digest: string | undefined): void {
  if (attempt === undefined || digest === undefined) return;
  step.replies ??= new Map();
  step.replies.set(attempt, digest);
}

/** Exponentially weighted: a few replies are enough to tell a slow agent from a fast one, and old ones fade. */
function observe(state: TaskState, step: StepState, number: number | undefined, ms: number | undefined): void {
  if (ms === undefined || number === undefined) return;
  const agent = liveAttempt(step, number)?.agent;
  if (agent === undefined) return;
  const before = state.latencyMsByAgent.get(agent);
  state.latencyMsByAgent.set(agent, before === undefined ? ms : before + 0.3 * (ms - before));
}
