/**
 * How good a choice an agent would be: four parts between 0 and 1 and their weighted sum.
 *
 * What is not known well is explored by Thompson sampling: to the sum comes a normal deviate as wide as the uncertainty,
 * which shrinks with every call seen. New agents get a fair trial, good ones soon get nearly everything, and since what
 * was seen fades, an agent that changed is found again. Chosen over upper confidence bounds because decisions are made on
 * pictures some seconds old: a bound would send everybody to the same agent meanwhile, sampling spreads. The deviate comes
 * from the seed, so the same choice can be made again.
 */
import type { Policy } from "../../language/staffing.ts";
import type { AgentChoice, Wanted } from "../../engine/world.ts";
import { microsOf } from "../../shared/money.ts";
import { hashText } from "../../shared/random.ts";
import type { AgentRecord, Capability } from "../agent.ts";
import type { Candidate } from "./filters.ts";
import type { CapabilityStatistics } from "../object/statistics.ts";

export interface Weights {
  readonly success: number;
  readonly latency: number;
  readonly price: number;
  readonly load: number;
}

/** Policies that score; the others order by turn, by weight or by key. */
export const WEIGHTS: { readonly [P in Exclude<Policy, "round_robin" | "weighted" | "sticky">]: Weights } = {
  balanced: { success: 0.4, latency: 0.25, price: 0.15, load: 0.2 },
  fastest: { success: 0.25, latency: 0.65, price: 0, load: 0.1 },
  cheapest: { success: 0.25, latency: 0, price: 0.7, load: 0.05 },
  most_reliable: { success: 0.85, latency: 0.05, price: 0, load: 0.1 },
  least_loaded: { success: 0.15, latency: 0.05, price: 0, load: 0.8 },
};

/** What is known of a candidate, in numbers. */
export interface Facts {
  readonly candidate: Candidate;
  /** Calls seen that said something about it, faded. */
  readonly seen: number;
  readonly success: number;
  readonly latencyMs: number | null;
  readonly priceUsd: number;
  /** Attempts with it, as a share of what it takes at once. */
  readonly load: number;
}

/** An agent nobody has seen is trusted nine times in ten, and that counts like two calls. */
const PRIOR = { successes: 1.8, calls: 2 };
const ASSUMED_CONCURRENCY = 10;
const DEGRADED = 0.8;
/** Standard deviation of one call's outcome, as a share of the weights that experience speaks to. */
const DEVIATION = 0.4;

export function factsOf(
  candidate: Candidate,
  capability: Capability | undefined,
  stats: CapabilityStatistics | null,
  wanted: Wanted,
): Facts {
  const { agent, state } = candidate;
  const own = wanted.evidence.get(agent.id);
  const successes = (stats?.successes ?? 0) + (own?.successes ?? 0);
  const seen = callsSeen(candidate, stats, wanted);
  const success = (successes + PRIOR.successes) / (seen + PRIOR.calls);
  const busy = Math.max(wanted.busy.get(agent.id) ?? 0, (state?.inFlight ?? 0) + (state?.waiting ?? 0));
  return {
    candidate,
    seen,
    success: state?.status === "degraded" ? success * DEGRADED : success,
    latencyMs: own?.latencyMs ?? stats?.latencyMs ?? capability?.expectedLatencyMs ?? agent.expectedLatencyMs,
    priceUsd: priceOfCall(agent, capability, stats),
    load: busy / (agent.limits?.maxConcurrency ?? ASSUMED_CONCURRENCY),
  };
}

/** Calls that said something about a candidate, faded. */
export function callsSeen({ agent }: Candidate, stats: CapabilityStatistics | null, { evidence }: Pick<Wanted, "evidence">): number {
  const own = evidence.get(agent.id);
  return (stats?.successes ?? 0) + (stats?.faults ?? 0) + (own?.successes ?? 0) + (own?.faults ?? 0);
}

/** What a call will cost, USD: as reported lately, else as declared, for the tokens reported lately or a thousand each way. */
export function priceOfCall(agent: AgentRecord, capability: Capability | undefined, stats: CapabilityStatistics | null): number {
  const reported = stats?.costUsd ?? null;
  if (reported !== null) return reported;
  const { inputTokens, outputTokens } = stats?.more ?? {};
  return priceOfTokens(agent, capability, inputTokens?.mean ?? TOKENS, outputTokens?.mean ?? TOKENS);
}

/** What a call costs as declared, USD. */
export function priceOfTokens(agent: AgentRecord, capability: Capability | undefined, inputTokens: number, outputTokens: number): number {
  const { perCallUsd = 0, per1kInputTokensUsd = 0, per1kOutputTokensUsd = 0 } = capability?.price ?? agent.price ?? {};
  return perCallUsd + (per1kInputTokensUsd * inputTokens) / 1_000 + (per1kOutputTokensUsd * outputTokens) / 1_000;
}

/** What is set aside for a call where a task has a budget: what it will cost, at least what is declared for the call itself. */
export function costOf(
  agent: AgentRecord,
  capability: Capability | undefined,
  stats: CapabilityStatistics | null,
): { readonly cost?: NonNullable<AgentChoice["cost"]> } {
  const { perCallUsd = 0, per1kInputTokensUsd = 0, per1kOutputTokensUsd = 0 } = capability?.price ?? agent.price ?? {};
  const isByToken = per1kInputTokensUsd > 0 || per1kOutputTokensUsd > 0;
  const { inputTokens, outputTokens } = stats?.more ?? {};
  const unknown = isByToken ? TOKENS : 0;
  const tokens = Math.ceil((inputTokens?.mean ?? unknown) + (outputTokens?.mean ?? unknown));
  const cost_micros = microsOf(Math.max(perCallUsd, priceOfCall(agent, capability, stats)));
  if (cost_micros === 0 && tokens === 0) return {};
  const price = { call: perCallUsd * 1e6, input: per1kInputTokensUsd * 1e6, output: per1kOutputTokensUsd * 1e6 };
  return { cost: { cost_micros, tokens, ...(isByToken && { price }) } };
}

/** Each way, where nobody has told how many. */
const TOKENS = 1_000;

export interface Score {
  readonly total: number;
  readonly parts: { readonly [part: string]: number };
}

/** Scores of candidates against each other: the fastest and the cheapest among them are the measure. */
export function scoresOf(facts: readonly Facts[], weights: Weights, seed: string): readonly Score[] {
  let fastestMs = Number.POSITIVE_INFINITY;
  let cheapest = Number.POSITIVE_INFINITY;
  let dearest = 0;
  for (const { latencyMs, priceUsd } of facts) {
    if (latencyMs !== null) fastestMs = Math.min(fastestMs, latencyMs);
    cheapest = Math.min(cheapest, priceUsd);
    dearest = Math.max(dearest, priceUsd);
  }
  // Who has not been timed is taken for one in the middle.
  const latencies = facts.flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs])).toSorted((a, b) => a - b);
  const usualMs = latencies[latencies.length >> 1] ?? null;
  return facts.map((one) => {
    const latencyMs = one.latencyMs ?? usualMs;
    const latency = latencyMs === null ? 1 : (fastestMs + 1) / (latencyMs + 1);
    const price = dearest === 0 ? 1 : (cheapest + dearest / 100) / (one.priceUsd + dearest / 100);
    const load = 1 / (1 + one.load);
    const width = explorationOf(one, weights);
    const exploration = facts.length === 1 ? 0 : width * normalFromText(`${seed}/${one.candidate.agent.id}`);
    const total = weights.success * one.success + weights.latency * latency + weights.price * price + weights.load * load + exploration;
    return {
      total: rounded(total),
      parts: {
        success: rounded(one.success),
        latency: rounded(latency),
        price: rounded(price),
        load: rounded(load),
        ...(exploration !== 0 && { exploration: rounded(exploration) }),
      },
    };
  });
}

/** How wide the deviate is that is added to its score. */
export function explorationOf({ seen }: Pick<Facts, "seen">, weights: Weights): number {
  return (DEVIATION * (weights.success + weights.latency)) / Math.sqrt(seen + 1);
}

/** The probability that a reply comes within a time, from three quantiles; half where nothing is known. */
export function chanceOf(withinMs: number, stats: CapabilityStatistics | null, expectedMs: number | null): number {
  const [p50, p95, p99] = [stats?.p50Ms ?? expectedMs, stats?.p95Ms ?? (expectedMs === null ? null : expectedMs * 3), stats?.p99Ms ?? null];
  if (p50 === null || p95 === null) return 0.5;
  const points: readonly (readonly [ms: number, q: number])[] = [
    [p50 / 4, 0],
    [p50, 0.5],
    [p95, 0.95],
    [p99 ?? p95 * 2, 0.99],
  ];
  let [beforeMs, beforeQ] = points[0] as readonly [number, number];
  if (withinMs <= beforeMs) return 0;
  for (const [atMs, q] of points.slice(1)) {
    if (withinMs < atMs) {
      const share = Math.log((withinMs + 1) / (beforeMs + 1)) / Math.log((atMs + 1) / (beforeMs + 1));
      return rounded(beforeQ + share * (q - beforeQ));
    }
    [beforeMs, beforeQ] = [atMs, q];
  }
  return 0.99;
}

/** Standard normal, from a text (Box and Muller). */
function normalFromText(text: string): number {
  const u = (hashText(text, 11) + 1) / (2 ** 32 + 1);
  const v = hashText(text, 13) / 2 ** 32;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
