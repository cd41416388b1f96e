/** What an agent looks like on the wire, in both directions. */
import { z } from "@hono/zod-openapi";
import { registeredBy } from "../../http/by.ts";
import { AGENT_STATUS, type AgentState } from "../agent-state.ts";
import { agentView, type AgentRecord } from "../agent.ts";
import { agentRegistration, registrationFields } from "../registry/registration.ts";
import type { CapabilityStatistics } from "../object/statistics.ts";
import { selectDefinition } from "../../language/agent-definition.ts";
import { identifier } from "../../language/definition-words.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";

export const registration = agentRegistration.openapi("AgentRegistration");
/** With only a `url` the agent's own card is read. */
export const newAgent = z.strictObject({ ...registrationFields, id: identifier.optional() }).openapi("NewAgent");
/** RFC 7396: what is `null` is removed, objects are merged. */
export const agentChange = z.looseObject({}).openapi("AgentChange", { description: "Any part of a registration; `null` removes" });

const time = z.iso.datetime();
const count = z.number();
const ms = z.number().nullable();

const statistics = z
  .object({
    calls: count.openapi({ description: "Like all counts here faded: an outcome of ten minutes ago counts half" }),
    success_rate: z.number().nullable(),
    outcomes: z.record(z.string(), count),
    hedges: count,
    latency_ms: ms.openapi({ description: "Exponentially weighted, of successes" }),
    p50_ms: ms,
    p95_ms: ms,
    p99_ms: ms,
    cost_usd: z.number().nullable().openapi({ description: "Mean of a call, as reported" }),
    total_calls: z.int(),
    total_cost_usd: z.number(),
    total_tokens: z.int(),
    last_at: time.nullable(),
  })
  .openapi("CapabilityStatistics");

const price = z.object({
  per_call_usd: z.number().optional(),
  per_1k_input_tokens_usd: z.number().optional(),
  per_1k_output_tokens_usd: z.number().optional(),
});

const jsonSchema = z.union([z.boolean(), z.record(z.string(), z.unknown())]);

export const agent = z
  .object({
    id: z.string(),
    kind: z.enum(["http", "pull", "builtin"]),
    name: z.string(),
    description: z.string().nullable(),
    url: z.string().nullable(),
    capabilities: z.array(
      z.object({
        name: z.string(),
        version: z.string().optional(),
        description: z.string().optional(),
        tags: z.array(z.string()).optional(),
        input_schema: jsonSchema.optional(),
        output_schema: jsonSchema.optional(),
        price: price.optional(),
        expected_latency: z.string().optional(),
        cache: z.object({ ttl: z.string(), tags: z.array(z.string()).optional() }).optional(),
      }),
    ),
    auth: z.object({ type: z.enum(["bearer", "header"]), name: z.string().optional() }).nullable(),
    cancel_url: z.string().nullable(),
    expected_latency: z.string().nullable(),
    dispatch: z.enum(["auto", "inline", "relay", "queue"]),
    price: price.optional(),
    limits: z.object({ max_concurrency: z.int().optional(), rate: z.object({ count: z.int(), per: z.string() }).optional() }).optional(),
    timeout: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    region: z.string().optional(),
    weight: z.number().optional(),
    heartbeat_interval: z.string().optional(),
    health: z.object({ url: z.string(), interval: z.string().optional() }).optional(),
    breaker: z.record(z.string(), z.union([z.number(), z.string()])).optional(),
    draining: z.boolean(),
    created_at: time.nullable(),
    updated_at: time.nullable(),
    ...registeredBy,
    status: z.enum(AGENT_STATUS),
    status_reason: z.string().nullable(),
    status_since: time.nullable(),
    breaker_state: z.object({ status: z.enum(["closed", "open", "half_open"]), until: time.optional(), reason: z.string().optional() }),
    in_flight: z.number().openapi({ description: "Exact for an agent with limits or one that pulls, else estimated from the statistics" }),
    in_line: z.int().openapi({ description: "Attempts that wait for it" }),
    statistics: z.record(z.string(), statistics),
    signing_secret: z
      .string()
      .optional()
      .openapi({ description: "The Standard Webhooks secret of its requests; shown once, when it was made here" }),
  })
  .openapi("Agent");
export type AgentBody = z.infer<typeof agent>;

export function agentBody(record: AgentRecord, state: AgentState | null): AgentBody {
  const isExact = record.kind === "pull" || record.limits !== undefined;
  return {
    ...(agentView(record) as unknown as Omit<AgentBody, "status">),
    // What was registered since is not in a state from before.
    status: record.draining === true ? "draining" : (state?.status ?? "healthy"),
    status_reason: state?.reason ?? null,
    status_since: state === null ? null : isoTime(state.since),
    breaker_state: breakerBody(state),
    in_flight: isExact ? (state?.inFlight ?? 0) : estimatedInFlight(state),
    in_line: state?.waiting ?? 0,
    statistics: Object.fromEntries(Object.entries(state?.capabilities ?? {}).map(([name, stats]) => [name, statisticsBody(stats)])),
  };
}

function breakerBody(state: AgentState | null): AgentBody["breaker_state"] {
  if (state?.breaker.status !== "open") return { status: state?.breaker.status ?? "closed" };
  return { status: "open", until: isoTime(state.breaker.until), reason: state.breaker.reason };
}

function statisticsBody(stats: CapabilityStatistics): z.infer<typeof statistics> {
  const judged = stats.successes + stats.faults;
  return {
    calls: stats.calls,
    success_rate: judged === 0 ? null : Math.round((stats.successes / judged) * 10_000) / 10_000,
    outcomes: stats.outcomes,
    hedges: stats.hedges,
    latency_ms: stats.latencyMs,
    p50_ms: stats.p50Ms,
    p95_ms: stats.p95Ms,
    p99_ms: stats.p99Ms,
    cost_usd: stats.costUsd === null ? null : dollars(stats.costUsd),
    total_calls: stats.totalCalls,
    total_cost_usd: dollars(stats.totalCostUsd),
    total_tokens: stats.totalTokens,
    last_at: stats.lastAt === 0 ? null : isoTime(stats.lastAt),
  };
}

/** Without the noise of adding doubles: a millionth of a cent is the smallest that counts. */
const dollars = (amount: number): number => Math.round(amount * 1e8) / 1e8;

/** Little's law: calls per time, times the time of a call. */
function estimatedInFlight(state: AgentState | null): number {
  const perMs = Math.LN2 / LIMITS.statisticsHalfLifeMs;
  const sum = Object.values(state?.capabilities ?? {}).reduce((total, { calls, latencyMs }) => total + calls * perMs * (latencyMs ?? 0), 0);
  return Math.round(sum * 100) / 100;
}

const receiptCandidate = z.object({
  agent: z.string(),
  verdict: z.string(),
  score: z.number().optional(),
  parts: z.record(z.string(), z.number()).optional(),
  reason: z.string().optional(),
});
export const receipt = z
  .object({
    policy: z.string(),
    candidates: z.array(receiptCandidate).readonly(),
    more: z.int().optional(),
    note: z.string().optional(),
    way: z
      .strictObject({ chosen: z.enum(["inline", "relay", "queue", "pull"]), why: z.string() })
      .optional()
      .openapi({ description: "How the call leaves, where the agent leaves that to us" }),
  })
  .openapi("Receipt");

export const selectBody = z
  .strictObject({
    capability: identifier.optional(),
    agent: identifier.optional(),
    input: z.unknown().optional(),
    select: selectDefinition.optional().openapi({ description: "As in a step; `sticky` is here the key itself" }),
    seed: z.string().max(LIMITS.nameLength).optional().openapi({ description: "Names the attempt: another one explores otherwise" }),
  })
  .refine((body) => (body.capability === undefined) !== (body.agent === undefined), 'expected a "capability" or an "agent"');
export const selection = z.object({ choice: z.string().nullable(), why: z.string(), receipt }).openapi("Selection");
