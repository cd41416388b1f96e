/**
 * What a task may spend, and the fold of what it does. Amounts are whole numbers, money in millionths of a dollar, so that
 * sums are exact whatever their order.
 *
 * B1. What is reserved was compared with the limits in the transition that reserved it: spent and reserved together pass a
 *     limit only where an agent reports more than was reserved for its call.
 * B2. A reservation is settled once, by the fact that settles what it was for; whatever that says not, the reservation does.
 * B3. A task without a budget has none of this: no fact, no member, no counter.
 */
import { minus, NO_AMOUNTS, plus, type Amounts } from "../../shared/money.ts";
import type { Reserved } from "../facts/call.ts";
import type { BudgetAction, TaskBudget } from "../../language/budget-definition.ts";
import { microsOf } from "../../shared/money.ts";
import type { Usage } from "../facts/call.ts";
import type { Attempt, Step } from "../state/step-state.ts";
import type { TaskState } from "../state/state.ts";

export type BudgetResource = keyof Amounts;
export const BUDGET_RESOURCES = ["cost_micros", "tokens", "calls"] as const satisfies readonly BudgetResource[];

export interface Budget {
  readonly onExhausted: BudgetAction;
  /** `null` where there is no limit. People may raise them. */
  limits: { readonly [R in BudgetResource]: number | null };
  spent: Amounts;
  reserved: Amounts;
  /** Reservations that are not settled, by what they are for. */
  readonly open: Map<string, Reserved & { readonly calls: number }>;
  /** Steps that wait for some to be given back, first come first served. */
  readonly waiting: Set<number>;
  /** Something has been given back, so that whoever waits may go on; an index over the rest. */
  isFreed: boolean;
  /** Nothing more is started: money has run out, or time, after which nothing is waited for either. */
  cut: "spent" | "time" | null;
  /** The number of the approval that people have to decide before anything goes on. */
  asked: number | null;
}

export function budgetOf(created: TaskBudget | undefined): Budget | null {
  if (created === undefined) return null;
  const { cost_micros = null, tokens = null, calls = null, on_exhausted } = created;
  return {
    onExhausted: on_exhausted,
    limits: { cost_micros, tokens, calls },
    spent: NO_AMOUNTS,
    reserved: NO_AMOUNTS,
    open: new Map(),
    waiting: new Set(),
    isFreed: false,
    cut: null,
    asked: null,
  };
}

/** What is neither spent nor set aside; below zero where agents reported more than was reserved. */
export function remaining({ limits, spent, reserved }: Budget, resource: BudgetResource): number {
  const limit = limits[resource];
  return limit === null ? Number.POSITIVE_INFINITY : limit - spent[resource] - reserved[resource];
}

/** The first limit that does not allow for it; `null` where all do. */
export function lacks(budget: Budget, needs: Amounts): BudgetResource | null {
  return BUDGET_RESOURCES.find((resource) => needs[resource] > 0 && needs[resource] > remaining(budget, resource)) ?? null;
}

/** What a task may take of time counts from its start. */
export function startBudgetClock({ created: { budget }, clocks, at }: TaskState): void {
  if (budget?.duration_ms !== undefined) clocks.push({ at: at + budget.duration_ms, type: "budget" });
}

/** An amount as people read it. */
export function worded(resource: BudgetResource, amount: number): string {
  if (resource === "cost_micros") return `${amount / 1e6} USD`;
  return `${amount} ${amount === 1 ? resource.slice(0, -1) : resource}`;
}

const keyOf = (step: { readonly index: number }, attempt: number): string => `${step.index}/${attempt}`;

export const loanKey = (task: string): string => `lent/${task}`;

/** An attempt that was in line has its reservation already. */
export function reserveFor(state: TaskState, step: { readonly index: number }, attempt: number, reserved: Reserved | undefined): void {
  if (reserved !== undefined) reserve(state, keyOf(step, attempt), { ...reserved, calls: 1 });
}

export function reserve(state: TaskState, key: string, reserved: Reserved & { readonly calls: number }): void {
  const { budget } = state;
  if (budget === null) return;
  budget.open.set(key, reserved);
  budget.reserved = plus(budget.reserved, reserved);
}

/** A call is over. Where nobody worked on it nothing was spent; where nothing is reported, what was reserved is. */
export function settleCall(state: TaskState, step: { readonly index: number }, attempt: number | undefined, usage?: Usage): void {
  if (attempt === undefined) return;
  settleReservation(state, keyOf(step, attempt), (reserved) => spentOf(reserved, usage));
}

export function releaseCall(state: TaskState, step: { readonly index: number }, { number, way }: Pick<Attempt, "number" | "way">): void {
  settleReservation(state, keyOf(step, number), (reserved) => (way === null ? NO_AMOUNTS : spentOf(reserved, undefined)));
}

/** Calls that nobody waits for any more, or one of them. */
export function releaseLive(state: TaskState, step: Step, number?: number): void {
  if (state.budget === null || step.phase.status !== "running") return;
  for (const attempt of step.phase.live) if (number === undefined || attempt.number === number) releaseCall(state, step, attempt);
}

export function settleReservation(
  state: TaskState,
  key: string,
  spent: (reserved: Reserved & { readonly calls: number }) => Amounts,
): void {
  const { budget } = state;
  const reserved = budget?.open.get(key);
  if (budget === null || reserved === undefined) return;
  budget.open.delete(key);
  budget.reserved = minus(budget.reserved, reserved);
  budget.spent = plus(budget.spent, spent(reserved));
  budget.isFreed = true;
}

/** As reported; else by the agent's prices for the tokens it reported; else as reserved. */
function spentOf({ cost_micros, tokens, price }: Reserved, usage: Usage | undefined): Amounts {
  const { cost_usd, input_tokens, output_tokens } = usage ?? {};
  const counted = input_tokens === undefined && output_tokens === undefined ? null : { in: input_tokens ?? 0, out: output_tokens ?? 0 };
  const priced =
    price === undefined || counted === null
      ? cost_micros
      : Math.ceil(price.call + (price.input * counted.in + price.output * counted.out) / 1_000);
  return {
    cost_micros: cost_usd === undefined ? priced : microsOf(cost_usd),
    tokens: counted === null ? tokens : Math.ceil(counted.in + counted.out),
    calls: 1,
  };
}
