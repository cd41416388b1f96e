/** PERSISTED, as a part of facts: what a step waits for. */
import type { AspectWaiting } from "../aspects/shapes.ts";

export interface WaitingForAgent {
  readonly type: "agent";
  readonly capability?: string;
  readonly agent?: string;
  /** When to look again, where those who could do it have said when to come back. */
  readonly until?: number;
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

export type Waiting = WaitingForAgent | WaitingForTimer | WaitingForSignal | WaitingForApproval | AspectWaiting;

/** In line for a slot of an agent, or for one of its workers to ask for work. */
export interface WaitingForCapacity {
  readonly type: "capacity";
  readonly agent: string;
}
