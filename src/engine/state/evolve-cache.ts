/** The fold of what a step asks the result cache, gets from it and makes out of date there. */
import type { EventOf } from "../facts/event.ts";
import type { TaskState } from "./state.ts";
import type { Step } from "./step-state.ts";
import type { WaitingForCache } from "../facts/waiting.ts";

export function askedCache(state: TaskState, step: Step, { key, ttl_ms: ttlMs, tags = [] }: WaitingForCache): void {
  step.cache = { key, ttlMs, tags, isFirst: false, from: null };
  state.askingAt = state.at;
}

export function missedCache(step: Step, { reason }: EventOf<"cache.missed">): void {
  if (step.cache !== null) step.cache = { ...step.cache, isFirst: reason === "first" };
}

export function completedForCache(state: TaskState, step: Step, { cached, invalidates }: EventOf<"step.completed">): void {
  if (cached !== undefined && step.cache !== null) step.cache = { ...step.cache, from: cached };
  if (invalidates === undefined) return;
  state.outdated.set(step.path, invalidates);
  state.outdatedAt = state.at;
}
