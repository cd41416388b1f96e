/** A budget as definitions and submissions write it, and as a task has it. */
import { z } from "zod";
import { LIMITS } from "../shared/limits.ts";
import { microsOf } from "../shared/money.ts";
import { durationMs } from "../shared/time.ts";
import { BUDGET_ACTIONS, type TaskBudget } from "./budget.ts";
import { positiveDuration } from "./definition-words.ts";

export const budgetDefinition = z
  .strictObject({
    cost_usd: z.number().min(0).max(LIMITS.budgetUsd).optional(),
    tokens: z.int().min(0).max(LIMITS.budgetTokens).optional(),
    calls: z.int().min(0).max(LIMITS.budgetCalls).optional(),
    /** From when the task starts. */
    duration: positiveDuration.optional(),
    on_exhausted: z.enum(BUDGET_ACTIONS).optional(),
  })
  .refine(
    (budget) => Object.keys(budget).some((name) => name !== "on_exhausted"),
    "expected at least one of cost_usd, tokens, calls, duration",
  );

export type BudgetDefinition = z.infer<typeof budgetDefinition>;

/**
 * The smaller of each limit: whoever submits a task may allow it less than its workflow does, never more. What becomes of
 * the task at a limit is the submitter's to say.
 */
export function taskBudget(given: BudgetDefinition | undefined, defined: BudgetDefinition | undefined): TaskBudget | undefined {
  if (given === undefined && defined === undefined) return undefined;
  const least = (limit: (budget: BudgetDefinition) => number | undefined): number | undefined => {
    const limits = [given, defined].flatMap((budget) => (budget === undefined ? [] : (limit(budget) ?? [])));
    return limits.length === 0 ? undefined : Math.min(...limits);
  };
  const cost_micros = least(({ cost_usd }) => (cost_usd === undefined ? undefined : microsOf(cost_usd)));
  const tokens = least((budget) => budget.tokens);
  const calls = least((budget) => budget.calls);
  const duration_ms = least(({ duration }) => (duration === undefined ? undefined : durationMs(duration)));
  return {
    ...(cost_micros !== undefined && { cost_micros }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
    ...(duration_ms !== undefined && { duration_ms }),
    on_exhausted: given?.on_exhausted ?? defined?.on_exhausted ?? "stop",
  };
}
