/** What a task may spend and has spent, as readers get it. */
import { RESOURCES } from "../../shared/money.ts";
import { remaining } from "../../engine/aspects/budget/account.ts";
import type { BudgetAction } from "../../language/budget-definition.ts";
import { dollarsOf, inDollars, limitsInDollars, type AmountsView } from "../../engine/aspects/budget/dollars.ts";
import type { TaskState } from "../../engine/state/state.ts";

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
    remaining: dollarsOf(Object.fromEntries(RESOURCES.map((resource) => [resource, remaining(budget, resource)]))),
    on_exhausted: budget.onExhausted,
  };
}
