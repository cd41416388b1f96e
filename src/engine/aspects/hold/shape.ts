/** What holding a task back adds to the shapes of the engine. */
import type { By } from "../../../shared/actor.ts";
import type { GateTerms } from "../../../language/concurrency.ts";
import type { Burst } from "../../../language/debounce.ts";
import type { Failure } from "../../facts/failure.ts";
import type { StoredValue } from "../../facts/value.ts";

/** PERSISTED, in `task.created`. */
export interface HoldOfCreated {
  /** It does not begin before this. */
  readonly start_at?: number;
  /** It stands for a burst of submissions under the key, which is over at `due_at` unless another comes, or at the latest. */
  readonly debounce?: Burst;
  /** How many tasks run at once under its key. */
  readonly gate?: GateTerms;
}

/** PERSISTED. */
export type HoldEvent =
  /** It does not begin yet. */
  | { readonly type: "task.queued"; readonly waiting_on: WaitingToBegin }
  /** A later submission of its burst has brought another input. */
  | { readonly type: "task.replaced"; readonly input: StoredValue; readonly until: number; readonly actor?: By }
  /** Nothing keeps it from beginning any more. */
  | { readonly type: "task.admitted" };

/** PERSISTED: what a task waits for that has not begun: a time, the end of a burst of submissions, its turn among those of its key. */
export type WaitingToBegin =
  | { readonly type: "timer"; readonly until: number }
  | { readonly type: "debounce"; readonly until: number }
  | { readonly type: "concurrency"; readonly key: string; readonly limit: number };

export type HoldInput =
  /** The gate lets the task begin, … */
  | { readonly type: "admit" }
  /** … or has no place for it, and it does not wait; `by`: a task that has one. Where a journal is played again, as it was recorded. */
  | { readonly type: "refuse"; readonly by: string }
  | { readonly type: "refuse"; readonly error: Failure }
  /** Another submission of the burst that the task stands for: the burst goes on until then. */
  | { readonly type: "replace"; readonly input: StoredValue; readonly until: number; readonly actor?: By };

/** Stand in the line of the task's gate. */
export type HoldCommand = { readonly type: "enter_gate" };

export type HoldTimer =
  /** The task may begin. */
  | { readonly at: number; readonly type: "begin" }
  /** It has waited for its turn long enough. */
  | { readonly at: number; readonly type: "queue" };

export type Hold =
  /** It has just been created. */
  | { readonly type: "new" }
  | { readonly type: "timer"; readonly until: number }
  /** `inputAt`: when it was given the input that it has. */
  | { readonly type: "debounce"; readonly until: number; readonly inputAt: number }
  /** In the line of its gate. */
  | { readonly type: "concurrency"; readonly since: number; readonly inputAt: number };

export function initialHold({ start_at, debounce, gate }: HoldOfCreated): Hold | null {
  return start_at === undefined && debounce === undefined && gate === undefined ? null : { type: "new" };
}
