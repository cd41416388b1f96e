/** Where a step stands, and the indexes over that: whoever moves one moves the other. */
import type { Waiting } from "../facts/waiting.ts";
import type { TaskState } from "./state.ts";
import type { Phase, Step } from "./step-state.ts";

/** Moves a step to another phase, and every index over phases with it. */
export function enter(state: TaskState, step: Step, phase: Phase): void {
  count(state, step, step.phase, -1);
  if (phase.status !== "running") state.hedgeable.delete(step.index);
  step.phase = phase;
  count(state, step, phase, 1);
}

function count(state: TaskState, step: Step, phase: Phase, by: 1 | -1): void {
  const { index } = step;
  switch (phase.status) {
    case "running":
      for (const attempt of phase.live) {
        const busy = (state.busyByAgent.get(attempt.agent) ?? 0) + by;
        if (busy === 0) state.busyByAgent.delete(attempt.agent);
        else state.busyByAgent.set(attempt.agent, busy);
        if (attempt.way === null) {
          state.queued += by;
          if (by === 1) state.queuedAt = Math.max(state.queuedAt, attempt.startedAt);
          continue;
        }
        state.live += by;
        if (attempt.claim?.via === "queue" && attempt.claim.renews) state.consumed += by;
        if (attempt.claim !== null) continue;
        state.unclaimed += by;
        if (attempt.way === "inline") state.inline += by;
        if (attempt.relay !== null) countRelay(state, attempt.relay, by);
      }
      return;
    case "waiting":
      mark(state.waiting, index, by);
      mark(waiting(state, phase.on.type), index, by);
      if (phase.on.type === "signal") mark(listeners(state, phase.on.name), index, by);
      return;
    case "retrying":
      return mark(state.retrying, index, by);
    case "open":
      return mark(state.open, index, by);
    case "pending":
    case "completed":
    case "failed":
    case "skipped":
    case "canceled":
      return;
  }
}

function countRelay(state: TaskState, relay: string, by: 1 | -1): void {
  const calls = (state.relays.get(relay) ?? 0) + by;
  if (calls === 0) state.relays.delete(relay);
  else state.relays.set(relay, calls);
  state.relayed += by;
}

function waiting(state: TaskState, on: Waiting["type"]): Set<number> {
  let steps = state.waitingFor.get(on);
  if (steps === undefined) state.waitingFor.set(on, (steps = new Set()));
  return steps;
}

function listeners(state: TaskState, name: string): Set<number> {
  let steps = state.listening.get(name);
  if (steps === undefined) state.listening.set(name, (steps = new Set()));
  return steps;
}

function mark(set: Set<number>, index: number, by: 1 | -1): void {
  if (by === 1) set.add(index);
  else set.delete(index);
}

/** The step is looked at again in this transition. */
export function retryNow(state: TaskState, step: Step): void {
  enter(state, step, { status: "retrying", retryAt: state.at });
  state.starts.push({ at: state.at, type: "retry", step: step.index, attempt: step.attempts + 1 });
}
