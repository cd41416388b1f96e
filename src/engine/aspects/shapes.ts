/** What the aspects add to facts, inputs, commands and state. What they do is in `table.ts`; an aspect is named in both, and nowhere else. */
import type { Graph } from "../../language/graph.ts";
import {
  initialBudget,
  type Budget,
  type BudgetEvent,
  type BudgetOfAttempt,
  type BudgetOfChild,
  type BudgetOfChildEnd,
  type BudgetOfCreated,
  type BudgetTimer,
  type WaitingForBudget,
} from "./budget/shape.ts";
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
import { initialFamily, type Family, type FamilyOfChild, type FamilyOfChildEnd, type FamilyOfCreated } from "./family/shape.ts";
import {
  initialHold,
  type Hold,
  type HoldCommand,
  type HoldEvent,
  type HoldInput,
  type HoldOfCreated,
  type HoldTimer,
  type WaitingToBegin,
} from "./hold/shape.ts";

export type AspectEvent = BudgetEvent | CacheEvent | HoldEvent;
export type AspectInput = CacheInput | HoldInput;
export type AspectCommand = CacheCommand | HoldCommand;
export type AspectTimer = BudgetTimer | HoldTimer;
/** What a step waits for because of them, and a task that has not begun. */
export type AspectWaiting = WaitingForBudget | WaitingForCache;
export type TaskWaiting = WaitingToBegin;

/** Members of the facts of the core: of the one that a task begins with … */
export interface AspectsOfCreated extends BudgetOfCreated, FamilyOfCreated, HoldOfCreated {}
/** … of those that settle a step, and of those of them that complete it … */
export type AspectsOfSettled = CacheOfSettled;
export type AspectsOfCompleted = CacheOfCompleted;
/** … of those by which an attempt begins or joins a line … */
export type AspectsOfAttempt = BudgetOfAttempt;
/** … and of those by which a task that a step starts begins and ends. */
export interface AspectsOfChild extends BudgetOfChild, FamilyOfChild {}
export interface AspectsOfChildEnd extends BudgetOfChildEnd, FamilyOfChildEnd {}

/** Why they keep a step from beginning, or end it. */
export type AspectReason = "budget";

/** One member of the task's state for each. */
export interface AspectStates {
  /** What it may spend; `null` where nothing limits it. */
  readonly budget: Budget | null;
  readonly cache: CacheState;
  /** How many tasks may come of it; `null` where it starts none, or as many as it likes. */
  readonly family: Family | null;
  /** What keeps it from beginning. */
  hold: Hold | null;
}

export function aspectStates(created: AspectsOfCreated, graph: Graph): AspectStates {
  return { budget: initialBudget(created), cache: nothingAsked(), family: initialFamily(created, graph), hold: initialHold(created) };
}
