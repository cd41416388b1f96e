/** When a task must be looked at next, although nothing happens to it. */
import { LIMITS } from "../limits.ts";
import { holdBack, isAspectTimer, isTimerCurrent } from "../aspects/table.ts";
import { stepAt, type TaskState } from "../state/state.ts";
import { liveAttempt, type Step } from "../state/step-state.ts";
import type { Timer, TimerHeap } from "../state/timers.ts";

/** The moment at which time alone changes something; `null` while only an input can. */
export function nextWakeAt(state: TaskState): number | null {
  if (state.end !== null) return null;
  if (isUnfinished(state)) return state.at;
  const clockAt = nextIn(state, state.clocks);
  const wakeAt = state.paused ? clockAt : Math.min(clockAt, nextIn(state, state.starts), nextIn(state, state.looks));
  return Number.isFinite(wakeAt) ? wakeAt : null;
}

/** It rests in the middle of its work (`advance.ts`): a step can be decided and is not. Entries that mean nothing any more are dropped. */
export function isUnfinished(state: TaskState): boolean {
  if (state.end !== null) return false;
  const { agenda } = state;
  while (agenda.next !== undefined && stepAt(state, agenda.next).phase.status !== "pending") agenda.take();
  return agenda.size > 0 && !state.paused && holdBack(state, state.at) === null;
}

const nextIn = (state: TaskState, heap: TimerHeap): number => nextTimer(state, heap)?.at ?? Number.POSITIVE_INFINITY;

/** When the next second agent is due to be asked. A matter of speed, not of progress: it is worth no alarm of its own. */
export function nextHedgeAt(state: TaskState): number | null {
  if (state.end !== null || state.paused) return null;
  return nextTimer(state, state.hedges)?.at ?? null;
}

/** The first timer that still means something; those before it are dropped for good. */
export function nextTimer(state: TaskState, heap: TimerHeap): Timer | undefined {
  for (let timer = heap.peek(); timer !== undefined; timer = heap.peek()) {
    if (isCurrent(state, timer)) return timer;
    heap.pop();
  }
  return undefined;
}

function isCurrent(state: TaskState, timer: Timer): boolean {
  if (timer.type === "deadline") return state.ending === null;
  if (isAspectTimer(timer)) return isTimerCurrent(state, timer);
  const step = stepAt(state, timer.step);
  const { phase } = step;
  switch (timer.type) {
    case "lease":
      return liveAttempt(step, timer.attempt)?.claim?.leaseUntil === timer.at;
    case "retry":
      return phase.status === "retrying" && phase.retryAt === timer.at && step.attempts + 1 === timer.attempt;
    case "hedge": {
      const [only, ...others] = phase.status === "running" ? phase.live : [];
      return only?.number === timer.attempt && only.hedgeAt !== null && only.hedgeAt <= timer.at && others.length === 0;
    }
    case "line":
      return liveAttempt(step, timer.attempt)?.way === null;
    case "look":
    case "due":
      return phase.status === "waiting" && phase.lookAt === timer.at;
    case "next":
      return phase.status === "open" && step.branches?.resumeAt === timer.at;
  }
}

/**
 * The next look at a missing agent: 1, 2, 4 … seconds apart, but no later than `until`. Counted from when the wait began,
 * so that nothing needs to be recorded.
 */
export function nextLookAt(since: number, now: number, until: number): number {
  let pauseMs = 1_000;
  let at = since + pauseMs;
  while (at <= now) {
    pauseMs = Math.min(pauseMs * 2, LIMITS.agentLookMs);
    const missed = pauseMs === LIMITS.agentLookMs ? Math.floor((now - at) / pauseMs) : 0;
    at += pauseMs * (missed + 1);
  }
  return now < until ? Math.min(at, until) : at;
}

/** Sets the next look of a step that waits for an agent; there is one at a time. */
export function scheduleLook(state: TaskState, step: Step, at: number): void {
  const { phase } = step;
  if (phase.status !== "waiting" || phase.on.type !== "agent") return;
  phase.lookAt = at;
  state.looks.push({ at, type: "look", step: step.index });
}

/** Until when a step waits for an agent. */
export function lookUntil(state: TaskState, step: Step): number {
  const since = step.waitingSince ?? (step.phase.status === "waiting" ? step.phase.since : state.at);
  return since + state.created.queue_ttl_ms;
}
