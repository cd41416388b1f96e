/** When a task must be looked at next, although nothing happens to it. */
import { LIMITS } from "../shared/limits.ts";
import { liveAttempt, stepStateAt, type TaskState } from "./state.ts";
import type { Timer, TimerHeap } from "./timers.ts";

/** The moment at which time alone changes something; `null` while only an input can. */
export function nextWakeAt(state: TaskState): number | null {
  if (state.end !== null) return null;
  const clock = nextTimer(state, state.clocks)?.at ?? null;
  const start = state.paused ? null : (nextTimer(state, state.starts)?.at ?? null);
  if (clock === null || start === null) return clock ?? start;
  return Math.min(clock, start);
}

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
  switch (timer.type) {
    case "deadline":
      return true;
    case "lease":
      return liveAttempt(stepStateAt(state, timer.step), timer.attempt)?.claim?.leaseUntil === timer.at;
    case "retry": {
      const { phase, attempts } = stepStateAt(state, timer.step);
      return phase.status === "retrying" && phase.retryAt === timer.at && attempts + 1 === timer.attempt;
    }
    case "hedge": {
      const { phase } = stepStateAt(state, timer.step);
      const [only, ...others] = phase.status === "running" ? phase.live : [];
      return only?.number === timer.attempt && only.hedgeAt !== null && only.hedgeAt <= timer.at && others.length === 0;
    }
    case "line":
      return liveAttempt(stepStateAt(state, timer.step), timer.attempt)?.way === null;
    case "look": {
      const { phase } = stepStateAt(state, timer.step);
      return phase.status === "waiting" && phase.lookAt === timer.at;
    }
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

/** Sets a waiting step's next look; there is one at a time. */
export function scheduleLook(state: TaskState, index: number, at: number): void {
  const { phase } = stepStateAt(state, index);
  if (phase.status !== "waiting") return;
  phase.lookAt = at;
  state.starts.push({ at, type: "look", step: index });
}
