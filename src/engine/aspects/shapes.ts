/** What the aspects add to facts, inputs, commands and state. What they do is in `table.ts`; an aspect is named in both, and nowhere else. */
import {
  nothingAsked,
  type CacheCommand,
  type CacheEvent,
  type CacheInput,
  type CacheOfCompleted,
  type CacheOfSettled,
  type CacheState,
  type WaitingForCache,
} from "./cache/shape.ts";

export type AspectEvent = CacheEvent;
export type AspectInput = CacheInput;
export type AspectCommand = CacheCommand;
/** What a step waits for because of them. */
export type AspectWaiting = WaitingForCache;

/** Members of the facts that settle a step, and of those of them that complete it. */
export type AspectsOfSettled = CacheOfSettled;
export type AspectsOfCompleted = CacheOfCompleted;

/** One member of the task's state for each. */
export interface AspectStates {
  readonly cache: CacheState;
}

export function aspectStates(): AspectStates {
  return { cache: nothingAsked() };
}
