/** What a task has to spend, what is set aside of it, and what it has spent. */
import { microsOf, minus, NO_AMOUNTS, plus, RESOURCES, type Amounts, type Resource } from "../../../shared/money.ts";
import type { TaskBudget } from "../../../language/budget-definition.ts";
import type { Reserved, Usage } from "../../facts/call.ts";
import type { Attempt, Phase } from "../../state/step-state.ts";
import type { Budget } from "./shape.ts";

/** What is neither spent nor set aside; below zero where agents reported more than was reserved. */
export function remaining({ limits, spent, reserved }: Budget, resource: Resource): number {
  const limit = limits[resource];
  return limit === null ? Number.POSITIVE_INFINITY : limit - spent[resource] - reserved[resource];
}

/** The first limit that does not allow for it; `null` where all do. */
export function lacks(budget: Budget, needs: Amounts): Resource | null {
  return RESOURCES.find((resource) => needs[resource] > 0 && needs[resource] > remaining(budget, resource)) ?? null;
}

/** An amount as people read it. */
export function worded(resource: Resource, amount: number): string {
  if (resource === "cost_micros") return `${amount / 1e6} USD`;
  return `${amount} ${amount === 1 ? resource.slice(0, -1) : resource}`;
}

export const loanKey = (task: string): string => `lent/${task}`;

export const callKey = (step: { readonly index: number }, attempt: number): string => `${step.index}/${attempt}`;

export function reserve(budget: Budget, key: string, reserved: Reserved & { readonly calls: number }): void {
  budget.open.set(key, reserved);
  budget.reserved = plus(budget.reserved, reserved);
}

/** A call is over. Where nothing is reported, what was reserved is spent. */
export function settleCall(budget: Budget, step: { readonly index: number }, attempt: number | undefined, usage?: Usage): void {
  if (attempt !== undefined) settle(budget, callKey(step, attempt), (reserved) => spentOf(reserved, usage));
}

/** Nobody waits any more for the calls of a step that stood at `phase`, or for one of them: where nobody worked, nothing was spent. */
export function releaseCalls(budget: Budget, step: { readonly index: number }, phase: Phase | null, number?: number): void {
  if (phase?.status !== "running") return;
  for (const attempt of phase.live) if (number === undefined || attempt.number === number) releaseCall(budget, step, attempt);
}

export function releaseCall(budget: Budget, step: { readonly index: number }, { number, way }: Pick<Attempt, "number" | "way">): void {
  settle(budget, callKey(step, number), (reserved) => (way === null ? NO_AMOUNTS : spentOf(reserved, undefined)));
}

export function settle(budget: Budget, key: string, spent: (reserved: Reserved & { readonly calls: number }) => Amounts): void {
  const reserved = budget.open.get(key);
  if (reserved === undefined) return;
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

/** What is read of the state of a task that lends. */
interface Lender {
  readonly budget: Budget | null;
  readonly created: { readonly budget?: TaskBudget };
  readonly children: ReadonlyMap<string, { readonly lent?: Amounts }>;
  readonly startedAt: number | null;
}

/** What a task that this one has started may spend. It asks nobody for more: that would be more than it was lent. */
export function loanOf({ budget, created, children, startedAt }: Lender, task: string, now: number): TaskBudget | undefined {
  const lent = children.get(task)?.lent;
  if (budget === null || lent === undefined) return undefined;
  const takesMs = created.budget?.duration_ms;
  const limited = RESOURCES.filter((resource) => budget.limits[resource] !== null);
  return {
    ...Object.fromEntries(limited.map((resource) => [resource, lent[resource]])),
    ...(takesMs !== undefined && { duration_ms: Math.max(1, (startedAt ?? now) + takesMs - now) }),
    on_exhausted: budget.onExhausted === "ask" ? "stop" : budget.onExhausted,
  };
}
