/** What an agent is: how it is kept, and what readers see of it. */
import type { By } from "../shared/actor.ts";
import type { JsonSchema } from "../shared/json-schema.ts";
import { durationMs, durationText, isoTime } from "../shared/time.ts";
import type { AgentRegistration } from "./registry/registration.ts";

export interface Price {
  readonly perCallUsd?: number;
  readonly per1kInputTokensUsd?: number;
  readonly per1kOutputTokensUsd?: number;
}

export interface Capability {
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly inputSchema?: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly price?: Price;
  readonly expectedLatencyMs?: number;
  readonly cache?: { readonly ttlMs: number; readonly tags?: readonly string[] };
}

export interface AgentLimits {
  readonly maxConcurrency?: number;
  readonly rate?: { readonly count: number; readonly perMs: number };
}

export interface BreakerSettings {
  readonly failureRate?: number;
  readonly windowMs?: number;
  readonly minCalls?: number;
  readonly consecutive?: number;
  readonly cooldownMs?: number;
  readonly probes?: number;
  readonly slowMs?: number;
}

/** PERSISTED in D1 and KV. Secrets are sealed under the key ring, bound to tenant, agent and field. */
export interface AgentRecord {
  readonly v: 1;
  readonly id: string;
  readonly kind: "http" | "pull" | "builtin";
  readonly name: string;
  readonly description: string | null;
  /** Empty for an agent that is not called. */
  readonly url: string;
  readonly capabilities: readonly Capability[];
  readonly auth: { readonly type: "bearer" | "header"; readonly name: string; readonly sealed: string } | null;
  /** The Standard Webhooks secret its requests are signed with. */
  readonly signing: string;
  readonly cancelUrl: string | null;
  readonly expectedLatencyMs: number | null;
  readonly dispatch: "auto" | "inline" | "relay" | "queue";
  readonly price?: Price;
  readonly limits?: AgentLimits;
  readonly timeoutMs?: number;
  readonly labels?: { readonly [name: string]: string };
  readonly region?: string;
  readonly weight?: number;
  readonly heartbeatMs?: number;
  readonly health?: { readonly url: string; readonly intervalMs: number };
  readonly breaker?: BreakerSettings;
  readonly draining?: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy?: By;
  readonly updatedBy?: By;
  /** Counts changes; the ETag. */
  readonly revision: number;
}

/** The part of a record that is what was registered, in the words of the record. Secrets are added by who can seal them. */
export function declaredOf(registration: AgentRegistration) {
  const { kind = "http", limits, breaker, health } = registration;
  return {
    kind,
    description: registration.description ?? null,
    url: registration.url ?? "",
    capabilities: (registration.capabilities ?? []).map((offered): Capability => {
      if (typeof offered === "string") return { name: offered };
      const { input_schema, output_schema, price, expected_latency, cache, ...rest } = offered;
      return defined({
        ...rest,
        inputSchema: input_schema,
        outputSchema: output_schema,
        price: priceOf(price),
        expectedLatencyMs: ms(expected_latency),
        cache: cache && defined({ ttlMs: durationMs(cache.ttl), tags: cache.tags }),
      });
    }),
    cancelUrl: registration.cancel_url ?? null,
    expectedLatencyMs: ms(registration.expected_latency) ?? null,
    dispatch: registration.dispatch ?? "auto",
    ...defined({
      price: priceOf(registration.price),
      // Limits that limit nothing would cost a request all the same.
      limits:
        (limits?.max_concurrency ?? limits?.rate) === undefined
          ? undefined
          : defined({
              maxConcurrency: limits?.max_concurrency,
              rate: limits?.rate && { count: limits.rate.count, perMs: durationMs(limits.rate.per) },
            }),
      timeoutMs: ms(registration.timeout),
      labels: registration.labels,
      region: registration.region,
      weight: registration.weight,
      heartbeatMs: ms(registration.heartbeat_interval),
      health: health && { url: health.url, intervalMs: ms(health.interval) ?? 30_000 },
      breaker:
        breaker &&
        defined({
          failureRate: breaker.failure_rate,
          windowMs: ms(breaker.window),
          minCalls: breaker.min_calls,
          consecutive: breaker.consecutive,
          cooldownMs: ms(breaker.cooldown),
          probes: breaker.probes,
          slowMs: ms(breaker.slow),
        }),
      draining: registration.draining,
    }),
  };
}

type Defined<T> = { readonly [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  readonly [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** Without the members that were not given: what is kept has no holes. */
function defined<T extends object>(members: T): Defined<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Defined<T>;
}

const ms = (text: string | undefined): number | undefined => (text === undefined ? undefined : durationMs(text));

function priceOf(price: AgentRegistration["price"]): Price | undefined {
  if (price === undefined) return undefined;
  return defined({
    perCallUsd: price.per_call_usd,
    per1kInputTokensUsd: price.per_1k_input_tokens_usd,
    per1kOutputTokensUsd: price.per_1k_output_tokens_usd,
  });
}

/** Where a sealed secret belongs. */
export function secretPlace(tenant: string, agent: string, field: "auth" | "signing"): string {
  return `agents/${tenant}/${agent}/${field}`;
}

/** What an agent offers under a name; a step that names the agent itself gets its first capability's terms. */
export function capabilityOf(agent: AgentRecord, name: string | null): Capability | undefined {
  return name === null ? agent.capabilities[0] : agent.capabilities.find((offered) => offered.name === name);
}

/** An agent as it was registered, without its secrets: the body of a `PUT` that would make it again. */
export function registrationOf(record: AgentRecord): AgentRegistration {
  const { limits, breaker, health } = record;
  return defined({
    kind: record.kind === "pull" ? ("pull" as const) : undefined,
    name: record.name,
    description: record.description ?? undefined,
    url: record.url === "" ? undefined : record.url,
    capabilities: record.capabilities.map(({ inputSchema, outputSchema, price, expectedLatencyMs, tags, cache, ...rest }) =>
      defined({
        ...rest,
        tags: tags && [...tags],
        input_schema: inputSchema as Record<string, unknown> | undefined,
        output_schema: outputSchema as Record<string, unknown> | undefined,
        price: priceView(price),
        expected_latency: text(expectedLatencyMs),
        cache: cache && defined({ ttl: durationText(cache.ttlMs), tags: cache.tags && [...cache.tags] }),
      }),
    ),
    cancel_url: record.cancelUrl ?? undefined,
    expected_latency: text(record.expectedLatencyMs ?? undefined),
    dispatch: record.dispatch === "auto" ? undefined : record.dispatch,
    price: priceView(record.price),
    limits:
      limits &&
      defined({
        max_concurrency: limits.maxConcurrency,
        rate: limits.rate && { count: limits.rate.count, per: durationText(limits.rate.perMs) },
      }),
    timeout: text(record.timeoutMs),
    labels: record.labels && { ...record.labels },
    region: record.region,
    weight: record.weight,
    heartbeat_interval: text(record.heartbeatMs),
    health: health && { url: health.url, interval: durationText(health.intervalMs) },
    breaker:
      breaker &&
      defined({
        failure_rate: breaker.failureRate,
        window: text(breaker.windowMs),
        min_calls: breaker.minCalls,
        consecutive: breaker.consecutive,
        cooldown: text(breaker.cooldownMs),
        probes: breaker.probes,
        slow: text(breaker.slowMs),
      }),
    draining: record.draining,
  });
}

const text = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : durationText(ms));

function priceView(price: Price | undefined): AgentRegistration["price"] {
  if (price === undefined) return undefined;
  return defined({
    per_call_usd: price.perCallUsd,
    per_1k_input_tokens_usd: price.per1kInputTokensUsd,
    per_1k_output_tokens_usd: price.per1kOutputTokensUsd,
  });
}

/** An agent as readers get it. */
export function agentView(record: AgentRecord) {
  const isBuiltin = record.kind === "builtin";
  return {
    ...registrationOf(record),
    id: record.id,
    kind: record.kind,
    description: record.description,
    url: record.url === "" ? null : record.url,
    auth: record.auth && { type: record.auth.type, ...(record.auth.type === "header" && { name: record.auth.name }) },
    cancel_url: record.cancelUrl,
    expected_latency: text(record.expectedLatencyMs ?? undefined) ?? null,
    dispatch: record.dispatch,
    draining: record.draining ?? false,
    created_at: isBuiltin ? null : isoTime(record.createdAt),
    updated_at: isBuiltin ? null : isoTime(record.updatedAt),
    created_by: record.createdBy ?? null,
    updated_by: record.updatedBy ?? null,
  };
}
