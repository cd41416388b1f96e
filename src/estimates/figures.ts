/**
 * What is to be expected of a call: how long it takes, how often it fails, what it costs. From what was seen of the agent,
 * else from what it declares, else from a wide guess that is told as one.
 *
 * Two things are uncertain, and both are drawn: how calls differ from each other (at every call), and how well the agent
 * is known (once in a run). A few calls seen make a wide estimate, however alike they were.
 */
import type { AgentRecord, Capability } from "../agents/agent.ts";
import { capabilityFor, statisticsFor, type Candidate } from "../agents/selection/filters.ts";
import { priceOfCall, priceOfTokens } from "../agents/selection/score.ts";
import { LATENCY_SHARES, type CapabilityStatistics, type Mean } from "../agents/object/statistics.ts";
import type { Target } from "../language/staffing.ts";
import { OUTCOME_CLASSES, type OutcomeClass } from "../shared/outcome.ts";
import type { AssumedCall } from "./assumed-nodes.ts";
import { Distribution } from "./distribution.ts";

export type FailureClass = Exclude<OutcomeClass, "success" | "lost" | "canceled">;

export interface CallFigures {
  /** Of replies, milliseconds. */
  readonly latency: Distribution;
  /** How well the latency is known: deviation of the factor by which all of them may be off. */
  readonly latencyDoubt: number;
  /** Calls that failed and that succeeded, as far as remembered. */
  readonly failed: number;
  readonly succeeded: number;
  /** How failures divide. */
  readonly failures: readonly (readonly [FailureClass, share: number])[];
  /** How long a failure takes that the agent answers with; `null` while none was timed. */
  readonly failureMs: number | null;
  readonly costUsd: number;
  readonly costDeviation: number;
  /** How well the cost is known. */
  readonly costDoubt: number;
  /** As declared, for so many tokens; `null` where it declares nothing. */
  readonly declaredUsd: ((inputTokens: number, outputTokens: number) => number) | null;
  readonly tokens: number;
  readonly tokensDeviation: number;
  /** What of this nobody has seen or declared. */
  readonly guesses: readonly Guess[];
}

/** In the words of the answer. */
export interface Guess {
  readonly field: "latency" | "tokens" | "success";
  readonly value: string;
  readonly why: string;
}

/** Buckets of a latency sketch are this wide, as a share; and what was so lately is so again only nearly. */
const SKETCH_DOUBT = 0.03;
const DRIFT_DOUBT = 0.06;
/** How far all agents together may be from what they were: they share networks, providers and the hour. */
export const AGENTS_DOUBT = 0.1;

/** An agent nobody has seen: one call in twenty fails. That counts like one call. */
export const PRIOR = { failed: 0.05, succeeded: 0.95 };

/** Of an agent nothing is known of. As language models take, and as little as that says. */
const GUESS = { medianMs: 2_000, doubt: 1.1, costDoubt: 0.7 };
/** What differs from call to call differs with what is asked, and a task may ask for more than those before it did. */
const ASKED_DOUBT = 0.3;
/** What an agent declares is what it usually takes, under its own conditions. */
const DECLARED_DOUBT = 0.35;

export function figuresOf(candidate: Candidate, target: Target): CallFigures {
  const { agent } = candidate;
  const capability = capabilityFor(agent, { target });
  const stats = statisticsFor(candidate, { target });
  const guesses: Guess[] = [];
  return {
    ...latencyOf(agent, capability, stats, guesses),
    ...failuresOf(agent, stats, guesses),
    ...costOf(agent, capability, stats, guesses),
    guesses,
  };
}

/** What a call costs and takes, alone. */
export function pricesOf(candidate: Candidate, target: Target): Pick<CallFigures, "costUsd" | "tokens"> {
  return costOf(candidate.agent, capabilityFor(candidate.agent, { target }), statisticsFor(candidate, { target }), []);
}

function latencyOf(agent: AgentRecord, capability: Capability | undefined, stats: CapabilityStatistics | null, guesses: Guess[]) {
  if (agent.kind === "builtin") return { latency: Distribution.fixed(0), latencyDoubt: 0 };
  if (stats !== null && stats.p50Ms !== null) return seenLatency(stats, stats.p50Ms);
  const expected = capability?.expectedLatencyMs ?? agent.expectedLatencyMs;
  const median = expected ?? GUESS.medianMs;
  if (expected === null || expected === undefined) {
    guesses.push({ field: "latency", value: "300ms to 15s", why: "nobody has timed it, and it declares no expected_latency" });
  }
  const around: readonly (readonly [number, number])[] = [
    [0, median / 3],
    [0.5, median],
    [0.95, 2 * median],
    [1, 4 * median],
  ];
  return {
    latency: Distribution.through(around),
    latencyDoubt: expected === null || expected === undefined ? GUESS.doubt : DECLARED_DOUBT,
  };
}

function seenLatency(stats: CapabilityStatistics, median: number) {
  const shares = stats.more?.latenciesMs;
  const [p95, p99] = [stats.p95Ms ?? median, stats.p99Ms ?? median];
  const latency = Distribution.through(
    shares === undefined
      ? // What lies below the middle is as far from it, by ratio, as what lies above.
        [
          [0, (median * median) / Math.max(p99, 1)],
          [0.05, (median * median) / Math.max(p95, 1)],
          [0.5, median],
          [0.95, p95],
          [0.99, p99],
          [1, p99],
        ]
      : withTail(
          shares.map((ms, index) => [LATENCY_SHARES[index] ?? 1, ms] as const),
          p95,
          p99,
        ),
  );
  const seen = Math.max(1, stats.successes);
  return {
    latency: centred(latency, stats.latencyMs),
    latencyDoubt: Math.hypot(SKETCH_DOUBT, DRIFT_DOUBT, latency.deviation / Math.sqrt(seen)),
  };
}

function withTail(shares: readonly (readonly [number, number])[], p95: number, p99: number): readonly (readonly [number, number])[] {
  const inner = shares.filter(([share]) => share < 0.95);
  return [...inner, [0.95, p95], [0.99, p99], [1, shares.at(-1)?.[1] ?? p99]];
}

/** The mean of the latest calls is exact, where quantiles are those of buckets: it moves them by what a bucket is wide, at most. */
function centred(latency: Distribution, meanMs: number | null): Distribution {
  if (meanMs === null || latency.mean <= 0) return latency;
  const factor = Math.min(1.05, Math.max(1 / 1.05, meanMs / latency.mean));
  return Distribution.through(GRID.map((share) => [share, latency.quantile(share) * factor]));
}

const GRID: readonly number[] = Array.from({ length: 65 }, (_, index) => index / 64);

function failuresOf(agent: AgentRecord, stats: CapabilityStatistics | null, guesses: Guess[]) {
  if (agent.kind === "builtin") return { failed: 0, succeeded: Number.POSITIVE_INFINITY, failures: UNAVAILABLE, failureMs: null };
  const outcomes = stats?.outcomes ?? {};
  const counts = FAILURES.map((name) => [name, outcomes[name] ?? 0] as const).filter(([, count]) => count > 0);
  const failed = counts.reduce((sum, [, count]) => sum + count, 0);
  const succeeded = outcomes.success ?? 0;
  if (failed + succeeded < 1) guesses.push({ field: "success", value: "95 %", why: "nobody has seen it at work lately" });
  return {
    failed,
    succeeded,
    failures: failed === 0 ? UNAVAILABLE : counts.map(([name, count]) => [name, count / failed] as const),
    failureMs: stats?.more?.failureMs ?? null,
  };
}

const FAILURES = OUTCOME_CLASSES.filter((name): name is FailureClass => name !== "success" && name !== "lost" && name !== "canceled");
const UNAVAILABLE: CallFigures["failures"] = [["unavailable", 1]];

function costOf(agent: AgentRecord, capability: Capability | undefined, stats: CapabilityStatistics | null, guesses: Guess[]) {
  const { inputTokens, outputTokens, costDeviationUsd = 0 } = stats?.more ?? {};
  const costUsd = priceOfCall(agent, capability, stats);
  const tokens = (inputTokens?.mean ?? 0) + (outputTokens?.mean ?? 0);
  const seen = Math.max(1, stats?.successes ?? 0);
  const isReported = stats !== null && stats.costUsd !== null;
  const isPricedByTokens = priceOfTokens(agent, capability, 1_000, 1_000) !== priceOfTokens(agent, capability, 0, 0);
  const isGuessed = !isReported && isPricedByTokens && inputTokens === undefined && outputTokens === undefined;
  if (isGuessed)
    guesses.push({ field: "tokens", value: "1000 in, 1000 out", why: "its price is by tokens, and nobody has seen how many it takes" });
  const deviation = isReported ? costDeviationUsd : deviationOfTokens(agent, capability, inputTokens, outputTokens);
  return {
    costUsd,
    declaredUsd:
      (capability?.price ?? agent.price) === undefined
        ? null
        : (input: number, output: number) => priceOfTokens(agent, capability, input, output),
    costDeviation: deviation,
    costDoubt: isGuessed ? GUESS.costDoubt : costUsd === 0 ? 0 : (deviation / costUsd) * Math.hypot(1 / Math.sqrt(seen), ASKED_DOUBT),
    tokens: tokens > 0 ? tokens : isGuessed ? 2_000 : tokensPerCall(stats),
    tokensDeviation: Math.hypot(inputTokens?.deviation ?? 0, outputTokens?.deviation ?? 0),
  };
}

/** Tokens in and out rise and fall together, mostly. */
function deviationOfTokens(
  agent: AgentRecord,
  capability: Capability | undefined,
  input: Mean | undefined,
  output: Mean | undefined,
): number {
  return priceOfTokens(agent, capability, input?.deviation ?? 0, output?.deviation ?? 0) - priceOfTokens(agent, capability, 0, 0);
}

/** Of all calls since it was registered, where it does not tell tokens in and out apart. */
function tokensPerCall(stats: CapabilityStatistics | null): number {
  return stats === null || stats.totalCalls === 0 ? 0 : stats.totalTokens / stats.totalCalls;
}

/** What the caller says that a call costs and takes, as far as that says it; `null` where that says nothing. */
export function givenPrice(
  { declaredUsd }: Pick<CallFigures, "declaredUsd">,
  { costUsd, inputTokens, outputTokens }: Pick<AssumedCall, "costUsd" | "inputTokens" | "outputTokens">,
): { readonly costUsd: number | null; readonly tokens: number | null } | null {
  if (inputTokens === null && outputTokens === null) return costUsd === null ? null : { costUsd, tokens: null };
  const [input, output] = [inputTokens ?? 0, outputTokens ?? 0];
  return { costUsd: costUsd ?? declaredUsd?.(input, output) ?? null, tokens: input + output };
}
