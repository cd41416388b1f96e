/** What a task may spend and has spent, as readers get it. */
import { z } from "@hono/zod-openapi";
import { RESOURCES } from "../../shared/money.ts";
import { remaining } from "../../engine/aspects/budget/account.ts";
import { BUDGET_ACTIONS } from "../../language/budget-definition.ts";
import { dollarsOf, inDollars, limitsInDollars } from "../../engine/aspects/budget/dollars.ts";
import type { TaskState } from "../../engine/state/state.ts";

const amounts = { cost_usd: z.number().optional(), tokens: z.number().optional(), calls: z.number().optional() };

/** `reserved`: for calls under way. `remaining`: of what is limited; below zero where an agent reported more than was reserved. */
export const BudgetView = z.object({
  limits: z.object({ ...amounts, duration_ms: z.int().optional() }),
  reserved: z.object(amounts),
  spent: z.object(amounts),
  remaining: z.object(amounts),
  on_exhausted: z.enum(BUDGET_ACTIONS),
});
export type BudgetView = z.infer<typeof BudgetView>;

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
