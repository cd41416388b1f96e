/**
 * A workflow as its author writes it: data, strict, in JSON. The shape only; what the parts mean together is checked
 * when the graph is compiled.
 */
import { z } from "zod";
import { LIMITS } from "../shared/limits.ts";
import { parseDuration } from "../shared/time.ts";

export const identifier = z
  .string()
  .regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . -")
  .max(LIMITS.idLength);

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== null, 'expected a duration such as "500ms", "10s", "5m", "2h" or "7d"')
  .refine((text) => (parseDuration(text) ?? 0) <= LIMITS.durationMs, "a duration is at most 365d");

const positiveDuration = duration.refine((text) => (parseDuration(text) ?? 1) > 0, "expected more than zero");

export const RUN_IF = ["all_completed", "all_settled", "none_failed", "any_completed", "any_failed"] as const;

const retryDefinition = z.strictObject({
  max_attempts: z.int().min(1).max(LIMITS.attempts).optional(),
  strategy: z.enum(["fixed", "linear", "exponential"]).optional(),
  delay: duration.optional(),
  factor: z.number().min(1).max(100).optional(),
  max_delay: duration.optional(),
  jitter: z.enum(["full", "none"]).optional(),
  non_retryable: z.array(z.string().min(1).max(LIMITS.nameLength)).max(100).optional(),
  /** `another` is a preference: who has failed the step is asked again only if nobody else is left. */
  on: z.enum(["same", "another"]).optional(),
});

export const POLICIES = ["balanced", "fastest", "cheapest", "most_reliable", "least_loaded", "round_robin", "weighted", "sticky"] as const;

/** How an agent is chosen among those that offer the capability. */
export const selectDefinition = z
  .strictObject({
    policy: z.enum(POLICIES).optional(),
    version: z.string().min(1).max(64).optional(),
    region: identifier.optional(),
    labels: z
      .record(identifier, z.string().max(LIMITS.nameLength))
      .refine((labels) => Object.keys(labels).length <= LIMITS.tags, `at most ${LIMITS.tags} labels`)
      .optional(),
    exclude: z.array(identifier).max(LIMITS.excludedAgents).optional(),
    max_cost_usd: z.number().min(0).optional(),
    /** CEL; steps with equal values get the same agent. */
    sticky: z.string().min(1).optional(),
    /** The cheapest agent that answers in time. */
    meet: z.strictObject({ within: positiveDuration.optional(), probability: z.number().min(0.5).max(0.99).optional() }).optional(),
  })
  .refine((select) => select.policy !== "sticky" || select.sticky !== undefined, {
    message: 'the policy "sticky" needs a key: "sticky": "input.conversation"',
    path: ["sticky"],
  });

const fallbackDefinition = z.union([z.strictObject({ agent: identifier }), z.strictObject({ capability: identifier })]);

const hedgeDefinition = z.strictObject({
  after: z.union([z.literal("p95"), positiveDuration]),
  /** Of the calls of the capability, how many may be hedges. */
  max_share: z.number().min(0.01).max(1).optional(),
});

const ensembleDefinition = z.strictObject({
  agents: z.int().min(2).max(LIMITS.ensembleAgents),
  mode: z.enum(["first", "all", "quorum", "best"]),
  /** How many equal replies decide; more than half unless said. */
  quorum: z.int().min(2).max(LIMITS.ensembleAgents).optional(),
  /** CEL over `output`: what is compared; the whole output unless said. */
  by: z.string().min(1).optional(),
  /** CEL over `output`: a number, the larger the better. */
  score: z.string().min(1).optional(),
});

const json = z.unknown();

const fallbackOutput = z.strictObject({ output: json }).refine((value) => "output" in value, 'expected {"output": …}');

/** What every kind of step has. */
const stepBase = {
  id: identifier,
  description: z.string().max(LIMITS.textLength).optional(),
  needs: z.array(identifier).max(LIMITS.steps).optional(),
  when: z.string().min(1).optional(),
  run_if: z.enum(RUN_IF).optional(),
  on_error: z.union([z.enum(["fail", "continue"]), fallbackOutput]).optional(),
};

const agentStepDefinition = z.strictObject({
  ...stepBase,
  type: z.literal("agent").optional(),
  capability: identifier.optional(),
  agent: identifier.optional(),
  input: json.optional(),
  timeout: positiveDuration.optional(),
  retry: retryDefinition.optional(),
  select: selectDefinition.optional(),
  fallback: z.array(fallbackDefinition).min(1).max(LIMITS.fallbacks).optional(),
  hedge: hedgeDefinition.optional(),
  ensemble: ensembleDefinition.optional(),
});

export const workflowDefinition = z.strictObject({
  name: identifier.optional(),
  description: z.string().max(LIMITS.textLength).optional(),
  input_schema: z.record(z.string(), json).optional(),
  steps: z.array(agentStepDefinition).min(1).max(LIMITS.steps),
  output: json.optional(),
});

export type WorkflowDefinition = z.infer<typeof workflowDefinition>;
export type StepDefinition = WorkflowDefinition["steps"][number];
export type RetryDefinition = z.infer<typeof retryDefinition>;
export type SelectDefinition = z.infer<typeof selectDefinition>;
export type RunIf = (typeof RUN_IF)[number];
