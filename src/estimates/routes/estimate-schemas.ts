/** What is asked for an estimate, and what one looks like. */
import { z } from "@hono/zod-openapi";
import { POLICIES } from "../../language/agent-definition.ts";
import type { BudgetDefinition } from "../../language/budget-definition.ts";
import { positiveDuration } from "../../language/definition-words.ts";
import { stepAssumption } from "../assumptions.ts";
import type { Estimate, PolicyEstimate } from "../estimate.ts";
import type { Budget, Quantiles } from "../tally.ts";
import { isJsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { durationMs } from "../../shared/time.ts";
import { whatToRun } from "../../tasks/routes/task-schemas.ts";

/** Each step's own policy, beside those that may take its place. */
export const AS_DEFINED = "as_defined";
/** The policy `sticky` needs a key, which only a step can have. */
const policy = z.enum([AS_DEFINED, ...POLICIES.filter((name) => name !== "sticky")]);
export type PolicyName = z.infer<typeof policy>;

const budget = z
  .strictObject({
    cost_usd: z.number().min(0).optional(),
    tokens: z.int().min(0).optional(),
    calls: z.int().min(0).optional(),
    duration: positiveDuration.optional(),
  })
  .refine((limits) => Object.keys(limits).length > 0, "expected at least one limit");

const assumptions = z
  .record(z.string(), stepAssumption)
  .refine((assumed) => Object.keys(assumed).length <= LIMITS.estimateAssumptions, `at most ${LIMITS.estimateAssumptions} steps`)
  .openapi({
    description: "What only running it would tell, by step: `each`, inside a block `each/fetch`, in another workflow `profile:fetch`",
    example: { each: { items: { min: 10, max: 40 } }, "each/fetch": { takes: "2s" }, poll: { iterations: 3 }, review: { takes: "2h" } },
  });

export const estimateBody = z
  .strictObject({
    ...whatToRun,
    input: z.unknown().optional().openapi({ description: "With it, what depends on nothing else is worked out" }),
    runs: z.int().min(1).max(LIMITS.estimateRuns).optional(),
    seed: z.int().min(0).optional().openapi({ description: "The same again gives the same answer, as long as the agents are the same" }),
    policies: z
      .array(policy)
      .min(1)
      .max(LIMITS.estimatePolicies)
      .refine((names) => new Set(names).size === names.length, "each policy once")
      .optional(),
    budget: budget.optional(),
    deadline: positiveDuration.optional(),
    failed_calls: z
      .enum(["paid", "free"])
      .optional()
      .openapi({ description: "Whether calls that bring nothing are paid for; unless said, in half of the runs" }),
    assume: assumptions.optional(),
  })
  .superRefine(
    (body, context) => {
      const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
      if (body.type === undefined && body.workflow === undefined) refuse("type", 'expected a "type" or a "workflow"');
      if (body.type !== undefined && body.workflow !== undefined) refuse("workflow", 'expected a "type" or a "workflow", not both');
    },
    // Beside other faults too, so that all are told at once.
    { when: ({ value }) => isJsonObject(value) },
  )
  .openapi("EstimateRequest", { example: { type: "study", input: { query: "bees" }, budget: { cost_usd: 0.5 } } });
export type EstimateBody = z.infer<typeof estimateBody>;

const quantiles = z
  .object({ p5: z.number(), p50: z.number(), p95: z.number(), mean: z.number() })
  .openapi("Quantiles", { description: "Of the runs that complete, or of all where none does. p5 and p95 are rounded outwards" });

const assumedValue = z.union([
  z.string(),
  z.number(),
  z.object({ min: z.union([z.number(), z.string()]), max: z.union([z.number(), z.string()]) }),
]);

export const estimateView = z
  .object({
    workflow: z.object({ name: z.string().nullable(), version: z.int().nullable() }),
    runs: z.int(),
    seed: z.int(),
    policies: z.array(
      z.object({
        policy,
        duration_ms: quantiles,
        cost_usd: quantiles,
        calls: quantiles,
        tokens: quantiles,
        success: z.number().openapi({ description: "Share of the runs that complete" }),
        within_budget: z.number().optional().openapi({ description: "Share of the runs that complete within it" }),
        critical_path: z
          .array(z.object({ step: z.string(), share: z.number(), ms: z.number() }))
          .openapi({ description: "In which share of the runs a step is on the longest way, and what it then adds" }),
        dominates: z
          .array(z.object({ step: z.string(), duration_share: z.number(), cost_share: z.number() }))
          .openapi({ description: "Where the time of the longest way and the money go" }),
        agents: z
          .array(z.object({ agent: z.string(), calls: z.number(), cost_usd: z.number() }))
          .openapi({ description: "Means of a run" }),
      }),
    ),
    least: z
      .object({ cost_usd: z.number(), tokens: z.number(), calls: z.number() })
      .openapi({ description: "The cheapest way through: the cheapest agent everywhere, at its mean price, and nothing fails" }),
    assumptions: z
      .array(
        z.object({
          step: z.string().optional(),
          agent: z.string().optional(),
          field: z.string(),
          value: assumedValue,
          why: z.string(),
          given: z.boolean(),
        }),
      )
      .openapi({ description: "What was not known; `assume` says better" }),
    warnings: z.array(z.object({ code: z.string(), step: z.string().optional(), message: z.string() })),
  })
  .openapi("Estimate");

export function budgetOf(given: EstimateBody["budget"] | BudgetDefinition): Budget | null {
  if (given === undefined) return null;
  return {
    costUsd: given.cost_usd ?? null,
    tokens: given.tokens ?? null,
    calls: given.calls ?? null,
    durationMs: given.duration === undefined ? null : durationMs(given.duration),
  };
}

export function estimateBodyOf(
  { runs, policies, least, assumptions, warnings }: Estimate,
  budget: Budget | null,
): Omit<z.infer<typeof estimateView>, "workflow" | "seed"> {
  return {
    runs,
    policies: policies.map((one) => policyView(one, budget)),
    least: { cost_usd: digits(least.costUsd), tokens: digits(least.tokens), calls: least.calls },
    assumptions: [...assumptions],
    warnings: [...warnings],
  };
}

function policyView({ policy: name, tally }: PolicyEstimate, budget: Budget | null) {
  return {
    policy: (name ?? AS_DEFINED) as PolicyName,
    duration_ms: outwards(tally.quantiles("durationMs")),
    cost_usd: outwards(tally.quantiles("costUsd")),
    calls: outwards(tally.quantiles("calls"), true),
    tokens: outwards(tally.quantiles("tokens"), true),
    success: digits(tally.success),
    ...(budget !== null && { within_budget: digits(tally.within(budget)) }),
    critical_path: tally.criticalPath().map(({ step, share, ms }) => ({ step, share: digits(share), ms: digits(ms) })),
    dominates: tally.dominators().map(({ step, durationShare, costShare }) => ({
      step,
      duration_share: digits(durationShare),
      cost_share: digits(costShare),
    })),
    agents: tally.agents().map(({ agent, calls, costUsd }) => ({ agent, calls: digits(calls), cost_usd: digits(costUsd) })),
  };
}

/** As many as anybody reads. */
const SIGNIFICANT = 6;
const digits = (value: number): number => Number(value.toPrecision(SIGNIFICANT));

/** What is known exactly lies within, also where somebody adds the same prices in another order. */
function outwards({ p5, p50, p95, mean }: Quantiles, isCount = false): Quantiles {
  const rounded = { p50: digits(p50), mean: digits(mean) };
  if (isCount) return { p5: Math.floor(p5), ...rounded, p95: Math.ceil(p95) };
  return { p5: stepped(p5, Math.floor), ...rounded, p95: stepped(p95, Math.ceil) };
}

/** To the next number of so many digits that is further away. */
function stepped(value: number, round: (value: number) => number): number {
  if (value === 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - SIGNIFICANT + 1);
  const outer = round === Math.floor ? value * (1 - 1e-12) : value * (1 + 1e-12);
  return Number((round(outer / unit) * unit).toPrecision(SIGNIFICANT));
}
