/** PERSISTED, as a part of facts: what a step waits for. */
import type { AspectWaiting } from "../aspects/shapes.ts";
import type { Amounts } from "../../shared/money.ts";

export interface WaitingForAgent {
  readonly type: "agent";
  readonly capability?: string;
  readonly agent?: string;
}

/** Until a moment. */
export interface WaitingForTimer {
  readonly type: "timer";
  readonly until: number;
}

/** Until a signal comes, at most until a moment. */
export interface WaitingForSignal {
  readonly type: "signal";
  readonly name: string;
  readonly until?: number;
}

/** Until people have decided; `approval` is its number in the task. */
export interface WaitingForApproval {
  readonly type: "approval";
  readonly approval: number;
  readonly until?: number;
}

/** Until a call under way gives back what it does not use, or people give more. */
export interface WaitingForBudget {
  readonly type: "budget";
  readonly needs: Amounts;
}

export type Waiting = WaitingForBudget | WaitingForAgent | WaitingForTimer | WaitingForSignal | WaitingForApproval | AspectWaiting;

/** What a task waits for that has not begun: a time, the end of a burst of submissions, its turn among those of its key. */
export type WaitingToBegin =
  | { readonly type: "timer"; readonly until: number }
  | { readonly type: "debounce"; readonly until: number }
  | { readonly type: "concurrency"; readonly key: string; readonly limit: number };

/** In line for a slot of an agent, or for one of its workers to ask for work. */
export interface WaitingForCapacity {
  readonly type: "capacity";
  readonly agent: string;
}
