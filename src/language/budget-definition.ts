/** A budget as definitions and submissions write it, and as a task has it. */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { microsOf, type Amounts } from "../shared/money.ts";
import { durationMs } from "../shared/time.ts";
import { positiveDuration } from "./definition-words.ts";

export const BUDGET_ACTIONS = ["stop", "ask", "cheaper", "finish"] as const;
export type BudgetAction = (typeof BUDGET_ACTIONS)[number];

/** PERSISTED, in `task.created`: its limits, where it has some, and what becomes of a task that reaches one. */
export interface TaskBudget extends Partial<Amounts> {
  readonly duration_ms?: number;
  readonly on_exhausted: BudgetAction;
}

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
  const narrowed = smaller(limitsOf(given), limitsOf(defined));
  return narrowed === undefined ? undefined : { ...narrowed, on_exhausted: given?.on_exhausted ?? defined?.on_exhausted ?? "stop" };
}

function limitsOf(budget: BudgetDefinition | undefined): TaskBudget | undefined {
  if (budget === undefined) return undefined;
  const { cost_usd, tokens, calls, duration, on_exhausted = "stop" } = budget;
  return {
    ...(cost_usd !== undefined && { cost_micros: microsOf(cost_usd) }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
    ...(duration !== undefined && { duration_ms: durationMs(duration) }),
    on_exhausted,
  };
}

/** The smaller of each limit, and what the first says of reaching one. */
export function smaller(one: TaskBudget | undefined, other: TaskBudget | undefined): TaskBudget | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const least = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
  const cost_micros = least(one.cost_micros, other.cost_micros);
  const tokens = least(one.tokens, other.tokens);
  const calls = least(one.calls, other.calls);
  const duration_ms = least(one.duration_ms, other.duration_ms);
  return {
    ...(cost_micros !== undefined && { cost_micros }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
    ...(duration_ms !== undefined && { duration_ms }),
    on_exhausted: one.on_exhausted,
  };
}
