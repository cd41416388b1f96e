/**
 * The fold: what each fact changes. It never refuses one and never looks at a clock. State is consumed: the caller
 * keeps what is returned.
 */
import { LIMITS } from "../shared/limits.ts";
import { classOf, isFault } from "../shared/outcome.ts";
import {
  claimAttempt,
  countCall,
  enter,
  joinLine,
  linger,
  observe,
  progressAttempt,
  rememberReply,
  removeAttempt,
  replaceAttempt,
  retryNow,
  startAttempt,
  type OfLine,
} from "./evolve-attempt.ts";
import type { Failure, TaskCreated, TaskEvent } from "./event.ts";
import { stepAt, type Graph } from "./graph.ts";
import { decide } from "./run-if.ts";
import {
  indexOf,
  initialState,
  keyOfTarget,
  liveAttempt,
  stepStateAt,
  targetOfStep,
  type EndStatus,
  type PastAttempt,
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
      // A second agent's line is not what the step waits for.
      if (!("hedge" in event && event.hedge)) step.waitingSince ??= state.at;
      if (event.waiting_on.type === "capacity") return joinLine(graph, state, index, step, event as OfLine);
      enter(state, index, step, {
        status: "waiting",
        waitingOn: event.waiting_on,
        since: step.waitingSince ?? state.at,
        seq: state.seq,
        lookAt: 0,
      });
      return scheduleLook(state, index, nextLookAt(state.at, state.at, (step.waitingSince ?? state.at) + state.created.queue_ttl_ms));
    case "step.degraded":
      step.target = event.fallback;
      step.degraded = event.error;
      step.tries = 0;
      step.tried = null;
      step.declined = null;
      step.waitingSince = null;
      return retryNow(state, index, step);
    case "agent.selected":
      state.choices.set(wantedBy(graph, index, step), (state.choices.get(wantedBy(graph, index, step)) ?? 0) + 1);
      (step.selections ??= []).push(state.seq);
      return;
    case "step.completed":
      observe(state, step, event.attempt, event.ms, true);
      rememberReply(step, event.attempt, event.digest);
      step.agent = agentOfReply(step, event.attempt) ?? step.agent;
      settle(graph, state, index, step, {
        status: "completed",
        output: resident(event.output, state.seq),
        degraded: event.degraded ?? step.degraded,
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
      linger(state, event.step, step, event.attempts ?? []);
      settle(graph, state, index, step, { status: "canceled", reason: event.reason });
      return;
    case "step.retry_scheduled":
      enter(state, index, step, { status: "retrying", retryAt: event.retry_at });
      state.starts.push({ at: event.retry_at, type: "retry", step: index, attempt: event.attempt });
      return;
    case "attempt.started":
      return startAttempt(graph, state, index, step, event);
    case "attempt.claimed":
      return claimAttempt(state, index, step, event);
    case "attempt.progressed":
      return progressAttempt(state, index, step, event);
    case "attempt.completed":
      observe(state, step, event.attempt, event.ms, true);
      rememberReply(step, event.attempt, event.digest);
      (step.replied ??= []).push({
        attempt: event.attempt,
        agent: event.agent ?? "",
        output: resident(event.output, state.seq),
        key: event.key ?? null,
        score: event.score ?? null,
      });
      return removeAttempt(state, index, step, event.attempt);
    case "attempt.failed": {
      const agent = liveAttempt(step, event.attempt)?.agent;
      observe(state, step, event.attempt, event.ms, isFault(classOf(event.error)) ? false : null);
      rememberReply(step, event.attempt, event.digest);
      step.error = event.error;
      step.roundError = event.error;
      if (agent !== undefined) (step.tried ??= new Set()).add(agent);
      remember(state, step, event.attempt, "failed", event.error);
      return removeAttempt(state, index, step, event.attempt);
    }
    case "attempt.canceled":
      linger(state, event.step, step, [event.attempt]);
      remember(state, step, event.attempt, "canceled", CANCELED[event.reason]);
      return removeAttempt(state, index, step, event.attempt);
    case "attempt.declined": {
      const declined = liveAttempt(step, event.attempt);
      if (declined !== undefined) countCall(state, declined, -1);
      (step.declined ??= new Map()).set(event.agent, event.retry_at);
      remember(state, step, event.attempt, "declined", { code: "declined", message: event.reason });
      removeAttempt(state, index, step, event.attempt);
      // A round that nobody has worked in does not count.
      if (!isIdle(step) || step.roundError !== null || step.replied !== null) return;
      step.tries--;
      return retryNow(state, index, step);
    }
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

const wantedBy = (graph: Graph, index: number, step: StepState): string => keyOfTarget(targetOfStep(stepAt(graph, index), step));

function isIdle({ phase }: StepState): boolean {
  return phase.status === "running" && phase.live.length === 0;
}

const CANCELED = {
  superseded: { code: "superseded", message: "another agent was faster" },
  decided: { code: "decided", message: "the others' replies decided" },
  expired: { code: "expired", message: "nobody let it in within the task's queue_ttl" },
};

/** For readers, who want to know why there was another attempt. */
function remember(
  state: TaskState,
  step: StepState,
  number: number,
  end: PastAttempt["end"],
  { code, message }: { readonly code: string; readonly message: string },
): void {
  const agent = liveAttempt(step, number)?.agent ?? "";
  step.past = [...(step.past ?? []).slice(1 - LIMITS.pastAttempts), { attempt: number, agent, end, at: state.at, code, message }];
}

function agentOfReply(step: StepState, attempt: number | undefined): string | undefined {
  if (attempt === undefined) return undefined;
  return liveAttempt(step, attempt)?.agent ?? step.replied?.find((reply) => reply.attempt === attempt)?.agent;
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
