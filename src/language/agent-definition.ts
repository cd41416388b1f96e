/** How a step asks agents, as its author writes it. */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { keepEveryName } from "../shared/every-name.ts";
import { parseDuration } from "../shared/time.ts";
import { duration, expression, identifier, positiveDuration, template } from "./definition-words.ts";

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
    labels: keepEveryName(
      z
        .record(identifier, z.string().max(LIMITS.nameLength))
        .refine((labels) => Object.keys(labels).length <= LIMITS.tags, `at most ${LIMITS.tags} labels`),
    ).optional(),
    exclude: z.array(identifier).max(LIMITS.excludedAgents).optional(),
    max_cost_usd: z.number().min(0).optional(),
    /** CEL; steps with equal values get the same agent. */
    sticky: expression.optional(),
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
  by: expression.optional(),
  /** CEL over `output`: a number, the larger the better. */
  score: expression.optional(),
});

/** `${ … }` may be in them. */
const tags = z.array(z.string().min(1).max(LIMITS.expressionLength)).min(1).max(LIMITS.tags);

/** Whether a result may be one that was made before. */
const cacheDefinition = z
  .strictObject({
    /** CEL: steps of one capability with equal values get one result. The input unless said. */
    key: expression.optional(),
    /** Who shares results under such a key: the versions of the workflow, or all that the tenant has registered and that say so. */
    scope: z.enum(["workflow", "tenant"]).optional(),
    ttl: positiveDuration.refine((text) => (parseDuration(text) ?? 0) <= LIMITS.cacheTtlMs, "expected at most 30d"),
    /** By which results can be dropped. */
    tags: tags.optional(),
  })
  .refine(({ key, scope }) => scope === undefined || key !== undefined, {
    message: 'a "scope" says who shares a "key"; without one, results are the tenant\'s',
    path: ["scope"],
  });

/** What every way to an agent has: a step's, and that of what undoes one. */
const agentWork = {
  capability: identifier.optional(),
  agent: identifier.optional(),
  input: template.optional(),
  timeout: positiveDuration.optional(),
  retry: retryDefinition.optional(),
  select: selectDefinition.optional(),
  fallback: z.array(fallbackDefinition).min(1).max(LIMITS.fallbacks).optional(),
};

export const agentFields = {
  ...agentWork,
  hedge: hedgeDefinition.optional(),
  ensemble: ensembleDefinition.optional(),
  cache: cacheDefinition.optional(),
  /** Kept results that its completion makes out of date, by their tags. */
  invalidates: tags.optional(),
};

/** What undoes a step. */
export const compensateDefinition = z.strictObject(agentWork);

const agentDefinition = z.strictObject(agentFields);
export type AgentDefinition = z.infer<typeof agentDefinition>;
export type RetryDefinition = z.infer<typeof retryDefinition>;
export type SelectDefinition = z.infer<typeof selectDefinition>;
