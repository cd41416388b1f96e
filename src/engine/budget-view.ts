/** What a task may spend and has spent, as readers get it. */
import type { JsonObject } from "../shared/json.ts";
import { BUDGET_RESOURCES, remaining, type Amounts, type Budget, type BudgetAction } from "./budget.ts";
import type { TaskState } from "./state.ts";

export interface AmountsView {
  readonly cost_usd?: number;
  readonly tokens?: number;
  readonly calls?: number;
}

export interface BudgetView {
  readonly limits: AmountsView & { readonly duration_ms?: number };
  /** For calls under way. */
  readonly reserved: Required<AmountsView>;
  readonly spent: Required<AmountsView>;
  /** Of what is limited; below zero where an agent reported more than was reserved for it. */
  readonly remaining: AmountsView;
  readonly on_exhausted: BudgetAction;
}

export function budgetView({ budget, created }: TaskState): BudgetView | null {
  if (budget === null) return null;
  const duration_ms = created.budget?.duration_ms;
  return {
    limits: { ...limitsInDollars(budget), ...(duration_ms !== undefined && { duration_ms }) },
    reserved: inDollars(budget.reserved),
    spent: inDollars(budget.spent),
    remaining: dollarsOf(Object.fromEntries(BUDGET_RESOURCES.map((resource) => [resource, remaining(budget, resource)]))),
    on_exhausted: budget.onExhausted,
  };
}

export const inDollars = ({ cost_micros, tokens, calls }: Amounts): Required<AmountsView> & JsonObject => ({
  cost_usd: cost_micros / 1e6,
  tokens,
  calls,
});

export const limitsInDollars = ({ limits }: Budget): AmountsView & JsonObject => dollarsOf(limits);

/** Without what has no limit. */
function dollarsOf(amounts: { readonly [resource: string]: number | null }): AmountsView & JsonObject {
  const limited = Object.entries(amounts).filter(([, amount]) => amount !== null && Number.isFinite(amount));
  return Object.fromEntries(
    limited.map(([resource, amount]) => (resource === "cost_micros" ? ["cost_usd", (amount ?? 0) / 1e6] : [resource, amount])),
  );
}
