/** What a budget adds to the shapes of the engine. */
import { NO_AMOUNTS, type Amounts, type Resource } from "../../../shared/money.ts";
import type { BudgetAction, TaskBudget } from "../../../language/budget-definition.ts";
import type { Reserved } from "../../facts/call.ts";

/** PERSISTED, in `task.created`. */
export interface BudgetOfCreated {
  /** What it may spend, where that is limited. */
  readonly budget?: TaskBudget;
}

/** PERSISTED. */
export type BudgetEvent =
  /** What is left does not allow for the step's next call, and nothing under way may give any back; what comes of that. */
  | {
      readonly type: "budget.exhausted";
      readonly step: string;
      readonly resource: Resource;
      readonly needs: Amounts;
      readonly outcome: BudgetAction;
    }
  | { readonly type: "budget.exhausted"; readonly resource: "duration"; readonly outcome: BudgetAction }
  | { readonly type: "budget.raised"; readonly amounts: Amounts };

/** PERSISTED, where an attempt begins or joins a line: what is set aside for it. */
export interface BudgetOfAttempt {
  readonly reserved?: Reserved;
}

/** PERSISTED, where a task that a step starts begins and ends: what is lent to it, and what it spent of that. */
export interface BudgetOfChild {
  readonly lent?: Amounts;
}
export interface BudgetOfChildEnd {
  readonly spent?: Amounts;
}

/** PERSISTED: until a call under way gives back what it does not use, or people give more. */
export interface WaitingForBudget {
  readonly type: "budget";
  readonly needs: Amounts;
}

/** The time that the task may take is over. */
export type BudgetTimer = { readonly at: number; readonly type: "budget" };

export interface Budget {
  readonly onExhausted: BudgetAction;
  /** `null` where there is no limit. People may raise them. */
  limits: { readonly [R in Resource]: number | null };
  spent: Amounts;
  reserved: Amounts;
  /** Reservations that are not settled, by what they are for. */
  readonly open: Map<string, Reserved & { readonly calls: number }>;
  /** Something has been given back, so that whoever waits may go on; an index over the rest. */
  isFreed: boolean;
  /** Nothing more is started: money has run out, or time, after which nothing is waited for either. */
  cut: "spent" | "time" | null;
  /** The number of the approval that people have to decide before anything goes on. */
  asked: number | null;
}

export function initialBudget({ budget }: BudgetOfCreated): Budget | null {
  if (budget === undefined) return null;
  const { cost_micros = null, tokens = null, calls = null, on_exhausted } = budget;
  return {
    onExhausted: on_exhausted,
    limits: { cost_micros, tokens, calls },
    spent: NO_AMOUNTS,
    reserved: NO_AMOUNTS,
    open: new Map(),
    isFreed: false,
    cut: null,
    asked: null,
  };
}
