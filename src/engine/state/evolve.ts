/**
 * The fold: what each fact changes. It never refuses one and never looks at a clock. State is consumed: the caller
 * keeps what is returned.
 */
import { foldFact, followFact, isAspectWaiting, isOfAspect } from "../aspects/table.ts";
import { LIMITS } from "../limits.ts";
import { classOf, isFault } from "../../shared/outcome.ts";
import {
  claimAttempt,
  countCall,
  holdBack,
  joinLine,
  linger,
  observe,
  progressAttempt,
  rememberReply,
  removeAttempt,
  sendAgain,
  startAttempt,
  type OfLine,
} from "./attempts.ts";
import { enter, retryNow } from "./phase.ts";
import { endTask, failFrame, settle } from "./settling.ts";
import { applyApproval } from "./approvals.ts";
import { applyBranch, openBranches, orphan, undoChild } from "./branches.ts";
import { applyCompensation } from "./compensations.ts";
import { keepSignal, takeSignal } from "./signals.ts";
import type { AspectEvent } from "../aspects/shapes.ts";
import type { CoreEvent, TaskEvent } from "../facts/event.ts";
import type { TaskCreated } from "../facts/created.ts";
import { initialState } from "./frame.ts";
import { keep } from "../rules/kept.ts";
import type { Graph } from "../../language/graph.ts";
import { stepNamed, type TaskState } from "./state.ts";
import { keyOfTarget, liveAttempt, targetOfStep, type AgentStep, type PastAttempt, type Step } from "./step-state.ts";
import { resident } from "../facts/value.ts";
import { countValue } from "./value-bytes.ts";
import { nextLookAt, scheduleLook } from "../rules/wake.ts";

/** State after the first fact of a journal. */
export function begin(graph: Graph, created: TaskCreated, at: number): TaskState {
  const { library: _, ...kept } = created;
  // The definition lives on in the graph; keeping its text as well would double a large task.
  const state = initialState(graph, { ...kept, input: resident(created.input, 1), definition: { value: null } }, at);
  state.seq = 1;
  countValue(state, created);
  return state;
}

export function evolve(state: TaskState, events: readonly TaskEvent[], at: number): void {
  for (const event of events) {
    state.seq++;
    state.at = at;
    countValue(state, event);
    applyEvent(state, event);
  }
}

function applyEvent(state: TaskState, event: TaskEvent): void {
  const { step: path } = event as { readonly step?: string };
  const step = path === undefined ? undefined : state.stepByPath.get(path);
  const before = step === undefined ? null : step.phase;
  apply(state, step, event);
  followFact(state, event, step ?? null, before);
}

function apply(state: TaskState, step: Step | undefined, event: TaskEvent): void {
  switch (event.type) {
    case "task.created":
      throw new Error("Defect: a task is created once");
    case "task.started":
      state.startedAt = state.at;
      return;
    case "task.paused":
      state.paused = true;
      state.pausedWithParent = event.by === "parent";
      state.steeredAt = state.at;
      return;
    case "task.resumed":
      state.paused = false;
      state.pausedWithParent = false;
      state.steeredAt = state.at;
      for (const step of state.open) state.proceeding.push(step);
      return;
    case "task.ending":
      state.ending = { status: event.ending, error: event.error ?? null, reason: event.reason ?? null, actor: event.actor ?? null };
      return;
    case "task.completed":
      state.isPartial = event.partial ?? false;
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
      state.chained = event.chained ?? [];
      return;
    case "child.canceled":
      for (const task of event.tasks) state.orphans.delete(task);
      return;
    case "signal.received":
      return keepSignal(state, event);
    case "step.kept":
    case "child.kept":
      return keep(state, event);
    default:
      // A budget may be exhausted without any step.
      if (step !== undefined) applyStepEvent(state, step, event);
      else if (isOfAspect(event)) foldFact(state, event);
      else stepNamed(state, event.step);
  }
}

/** What is kept may be of steps that there are not, or not yet. */
type StepEvent = Exclude<Extract<CoreEvent, { readonly step: string }>, { readonly type: "step.kept" | "child.kept" }>;

function applyStepEvent(state: TaskState, step: Step, event: StepEvent | AspectEvent): void {
  switch (event.type) {
    case "step.started":
      step.startedAt = state.at;
      step.startedSeq = state.seq;
      return openBranches(state, step, event);
    case "step.waiting":
      return wait(state, step, event);
    case "step.degraded":
      step.target = event.fallback;
      step.degraded = event.error;
      step.tries = 0;
      step.tried = null;
      step.declined = null;
      step.waitingSince = null;
      step.patientSince = null;
      return retryNow(state, step);
    case "agent.selected": {
      const wanted = keyOfTarget(targetOfStep(step as AgentStep));
      state.choices.set(wanted, (state.choices.get(wanted) ?? 0) + 1);
      if (step.selections === null) step.selections = [state.seq];
      else step.selections.push(state.seq);
      return;
    }
    case "step.completed":
      observe(state, step, event.attempt, event.ms, true);
      rememberReply(step, event.attempt, event.digest);
      step.agent = agentOfReply(step, event.attempt) ?? step.agent;
      step.usageFault = event.usage_fault ?? step.usageFault;
      if (event.signal !== undefined) takeSignal(state, step, event.signal);
      orphan(state, event);
      settle(state, step, {
        status: "completed",
        output: resident(event.output, state.seq),
        degraded: event.degraded ?? step.degraded,
        ...(event.kept && { kept: true }),
      });
      // What has an output in its place has done nothing that could be undone.
      if (step.node.undo !== null && event.degraded === undefined) state.undoable.push({ step: step.index, child: null });
      if (event.kept) undoChild(state, step, 0, state.kept.get(step.path)?.undo ?? null);
      return;
    case "step.failed":
      if (step.node.onError.type !== "continue") failFrame(state, step, event.error);
      step.error = event.error;
      orphan(state, event);
      return settle(state, step, { status: "failed", error: event.error });
    case "step.skipped":
      return settle(state, step, { status: "skipped", reason: event.reason });
    case "step.canceled":
      linger(state, step, event.attempts ?? [], event.reason);
      orphan(state, event);
      return settle(state, step, { status: "canceled", reason: event.reason });
    case "step.retry_scheduled":
      enter(state, step, { status: "retrying", retryAt: event.retry_at });
      state.starts.push({ at: event.retry_at, type: "retry", step: step.index, attempt: event.attempt });
      return;
    case "attempt.started":
      return startAttempt(state, step as AgentStep, event);
    case "attempt.claimed":
      return claimAttempt(state, step, event);
    case "attempt.progressed":
      return progressAttempt(state, step, event);
    case "attempt.completed":
      observe(state, step, event.attempt, event.ms, true);
      rememberReply(step, event.attempt, event.digest);
      step.usageFault = event.usage_fault ?? step.usageFault;
      (step.replied ??= []).push({
        attempt: event.attempt,
        agent: event.agent ?? "",
        output: resident(event.output, state.seq),
        key: event.key ?? null,
        score: event.score ?? null,
      });
      return removeAttempt(state, step, event.attempt);
    case "attempt.failed": {
      const agent = liveAttempt(step, event.attempt)?.agent;
      observe(state, step, event.attempt, event.ms, isFault(classOf(event.error)) ? false : null);
      rememberReply(step, event.attempt, event.digest);
      step.error = event.error;
      step.roundError = event.error;
      step.patientSince = null;
      if (agent !== undefined) (step.tried ??= new Set()).add(agent);
      remember(state, step, event.attempt, "failed", event.error);
      return removeAttempt(state, step, event.attempt);
    }
    case "attempt.canceled":
      linger(state, step, [event.attempt], event.reason);
      remember(state, step, event.attempt, "canceled", CANCELED[event.reason]);
      return removeAttempt(state, step, event.attempt);
    case "attempt.declined": {
      const declined = liveAttempt(step, event.attempt);
      if (event.error !== undefined) {
        holdBack(state, event.agent, event.retry_at);
        step.error = event.error;
        step.patientSince ??= declined?.startedAt ?? state.at;
      } else if (declined !== undefined) countCall(state, declined, -1);
      rememberReply(step, event.attempt, event.digest);
      (step.declined ??= new Map()).set(event.agent, event.retry_at);
      remember(state, step, event.attempt, "declined", { code: event.error?.code ?? "declined", message: event.reason });
      removeAttempt(state, step, event.attempt);
      // A round that nobody has worked in does not count.
      if (!isIdle(step) || step.roundError !== null || step.replied !== null) return;
      step.waitingSince ??= step.patientSince;
      step.tries--;
      return retryNow(state, step);
    }
    case "attempt.lost":
      return sendAgain(state, step, event);
    case "branch.started":
    case "branch.completed":
    case "branch.failed":
    case "child.started":
    case "child.ended":
      return applyBranch(state, step, event);
    case "timer.fired":
      return; // what follows from it is in the same row
    case "approval.requested":
    case "approval.decided":
    case "approval.link_withdrawn":
    case "approval.escalated":
    case "approval.expired":
      return applyApproval(state, step, event);
    case "compensation.started":
    case "compensation.completed":
    case "compensation.failed":
      return applyCompensation(state, step, event);
    default:
      foldFact(state, event);
  }
}

function wait(state: TaskState, step: Step, event: Extract<StepEvent, { readonly type: "step.waiting" }>): void {
  const { waiting_on: on } = event;
  // A second agent's line is not what the step waits for.
  if (!isAspectWaiting(on) && !("hedge" in event && event.hedge)) step.waitingSince ??= state.at;
  if (on.type === "capacity") return joinLine(state, step as AgentStep, event as OfLine);
  const since = isAspectWaiting(on) ? state.at : (step.waitingSince ?? state.at);
  const lookAt =
    on.type === "agent"
      ? (on.until ?? nextLookAt(state.at, state.at, since + state.created.queue_ttl_ms))
      : "until" in on
        ? (on.until ?? null)
        : null;
  enter(state, step, { status: "waiting", on, since, seq: state.seq, lookAt });
  if (on.type === "agent") scheduleLook(state, step, lookAt as number);
  else if (lookAt !== null) state.clocks.push({ at: lookAt, type: "due", step: step.index });
}

function isIdle({ phase }: Step): boolean {
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
  step: Step,
  number: number,
  end: PastAttempt["end"],
  { code, message }: { readonly code: string; readonly message: string },
): void {
  const agent = liveAttempt(step, number)?.agent ?? "";
  step.past = [...(step.past ?? []).slice(1 - LIMITS.pastAttempts), { attempt: number, agent, end, at: state.at, code, message }];
}

function agentOfReply(step: Step, attempt: number | undefined): string | undefined {
  if (attempt === undefined) return undefined;
  return liveAttempt(step, attempt)?.agent ?? step.replied?.find((reply) => reply.attempt === attempt)?.agent;
}
