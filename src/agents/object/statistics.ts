/**
 * How an agent has done, per capability, so that yesterday fades: every outcome weighs half as much after
 * `LIMITS.statisticsHalfLifeMs`. Weights are kept as of a landmark and grow for what is new (forward decay, Cormode et
 * al., 2009), so that nothing has to be touched as time passes.
 */
import { LIMITS } from "../limits.ts";
import { LatencySketch, type SketchPairs } from "./latency-sketch.ts";
import { isFault, OUTCOME_CLASSES, type AttemptOutcome, type OutcomeClass } from "../../shared/outcome.ts";

/** What selection and readers are told about one capability. Counts are faded, hence fractions. */
export interface CapabilityStatistics {
  readonly calls: number;
  readonly successes: number;
  readonly faults: number;
  readonly hedges: number;
  /** Exponentially weighted; milliseconds, of successes. `null` before the first. */
  readonly latencyMs: number | null;
  readonly p50Ms: number | null;
  readonly p95Ms: number | null;
  readonly p99Ms: number | null;
  /** Mean of a call, as agents report it; `null` while none has. */
  readonly costUsd: number | null;
  /** PERSISTED with the others, and absent from what was published before there were any, or while nothing is known. */
  readonly more?: MoreStatistics;
  readonly outcomes: { readonly [C in OutcomeClass]?: number };
  /** Not faded: since the agent was registered. */
  readonly totalCalls: number;
  readonly totalCostUsd: number;
  readonly totalTokens: number;
  readonly lastAt: number;
}

/** What estimates want to know besides. */
export interface MoreStatistics {
  /** At `LATENCY_SHARES`, milliseconds, of successes. */
  readonly latenciesMs?: readonly number[];
  /** How long failures took that the agent answered with, exponentially weighted. */
  readonly failureMs?: number;
  /** How far a call's cost is from the mean, usually; the standard deviation. */
  readonly costDeviationUsd?: number;
  readonly inputTokens?: Mean;
  readonly outputTokens?: Mean;
}

export interface Mean {
  readonly mean: number;
  readonly deviation: number;
}

/** From the fastest reply seen to the slowest: what lies between them, not only where the most lie. */
export const LATENCY_SHARES: readonly number[] = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** A weighted sum of numbers, and of their squares. */
interface Moments {
  weight: number;
  sum: number;
  squares: number;
}

interface Tally {
  outcomes: Partial<Record<OutcomeClass, number>>;
  hedges: number;
  costed: number;
  cost: number;
  latencyMs: number | null;
  sketch: LatencySketch;
  totalCalls: number;
  totalCostUsd: number;
  totalTokens: number;
  lastAt: number;
  /** Absent from what was stored before there were any. */
  costSquares?: number;
  failureMs?: number;
  input?: Moments;
  output?: Moments;
}

/** PERSISTED in the agent's object. */
export interface StoredStatistics {
  readonly v: 1;
  readonly landmark: number;
  readonly capabilities: { readonly [name: string]: Omit<Tally, "sketch"> & { readonly sketch: SketchPairs } };
}

/** Weights are brought down before they grow past what a double holds exactly. */
const RESCALE_AT = 2 ** 30;
const EWMA_SHARE = 0.2;

export class Statistics {
  #landmark: number;
  readonly #tallies = new Map<string, Tally>();

  constructor(now: number, stored?: StoredStatistics) {
    this.#landmark = stored?.landmark ?? now;
    for (const [name, { sketch, ...rest }] of Object.entries(stored?.capabilities ?? {})) {
      this.#tallies.set(name, { ...rest, outcomes: { ...rest.outcomes }, sketch: new LatencySketch(sketch) });
    }
  }

  add(capability: string, outcome: AttemptOutcome, now: number): void {
    const weight = this.#weightAt(now);
    const tally = this.#tally(capability);
    tally.outcomes[outcome.class] = (tally.outcomes[outcome.class] ?? 0) + weight;
    if (outcome.hedge) tally.hedges += weight;
    tally.totalCalls++;
    tally.lastAt = now;
    // Who lost a race took at least that long: else one that always loses would look like one that nobody has tried.
    if (outcome.class === "canceled" && outcome.ms !== null && outcome.ms > (tally.latencyMs ?? 0)) {
      tally.latencyMs = tally.latencyMs === null ? outcome.ms : tally.latencyMs + EWMA_SHARE * (outcome.ms - tally.latencyMs);
    }
    if (outcome.class === "success" && outcome.ms !== null) {
      tally.sketch.add(outcome.ms, weight);
      tally.latencyMs = tally.latencyMs === null ? outcome.ms : tally.latencyMs + EWMA_SHARE * (outcome.ms - tally.latencyMs);
    }
    if (isAnswered(outcome) && outcome.ms !== null) {
      tally.failureMs = tally.failureMs === undefined ? outcome.ms : tally.failureMs + EWMA_SHARE * (outcome.ms - tally.failureMs);
    }
    if (outcome.costUsd !== null) {
      // Those from before there were squares count as their mean.
      tally.costSquares = (tally.costSquares ?? tally.cost ** 2 / Math.max(tally.costed, 1e-9)) + weight * outcome.costUsd ** 2;
      tally.costed += weight;
      tally.cost += weight * outcome.costUsd;
      tally.totalCostUsd += outcome.costUsd;
    }
    tally.totalTokens += outcome.tokens ?? 0;
    if (outcome.inputTokens !== undefined) addTo((tally.input ??= { weight: 0, sum: 0, squares: 0 }), outcome.inputTokens, weight);
    if (outcome.outputTokens !== undefined) addTo((tally.output ??= { weight: 0, sum: 0, squares: 0 }), outcome.outputTokens, weight);
  }

  /** The agent starts afresh, as after an outage: what it did before says little about what it will do. */
  restart(): void {
    for (const tally of this.#tallies.values()) {
      tally.outcomes = {};
      tally.hedges = 0;
    }
  }

  of(capability: string, now: number): CapabilityStatistics | null {
    const tally = this.#tallies.get(capability);
    return tally === undefined ? null : this.#view(tally, this.#weightAt(now));
  }

  all(now: number): { readonly [capability: string]: CapabilityStatistics } {
    const weight = this.#weightAt(now);
    return Object.fromEntries([...this.#tallies].map(([name, tally]) => [name, this.#view(tally, weight)]));
  }

  stored(): StoredStatistics {
    return {
      v: 1,
      landmark: this.#landmark,
      capabilities: Object.fromEntries(this.#latest().map(([name, tally]) => [name, { ...tally, sketch: tally.sketch.pairs() }])),
    };
  }

  /** As many as an agent has at a time: what it offered once and no longer does is forgotten. */
  #latest(): readonly (readonly [string, Tally])[] {
    return [...this.#tallies].toSorted(([, a], [, b]) => b.lastAt - a.lastAt).slice(0, LIMITS.capabilitiesPerAgent);
  }

  #view(tally: Tally, weight: number): CapabilityStatistics {
    const outcomes: Partial<Record<OutcomeClass, number>> = {};
    let calls = 0;
    let faults = 0;
    for (const name of OUTCOME_CLASSES) {
      const count = (tally.outcomes[name] ?? 0) / weight;
      if (count < 0.001) continue;
      outcomes[name] = rounded(count);
      calls += count;
      if (isFault(name)) faults += count;
    }
    return {
      calls: rounded(calls),
      successes: outcomes.success ?? 0,
      faults: rounded(faults),
      hedges: rounded(tally.hedges / weight),
      latencyMs: tally.latencyMs === null ? null : rounded(tally.latencyMs),
      p50Ms: tally.sketch.quantile(0.5),
      p95Ms: tally.sketch.quantile(0.95),
      p99Ms: tally.sketch.quantile(0.99),
      costUsd: tally.costed <= 0 ? null : tally.cost / tally.costed,
      ...moreOf(tally),
      outcomes,
      totalCalls: tally.totalCalls,
      totalCostUsd: tally.totalCostUsd,
      totalTokens: tally.totalTokens,
      lastAt: tally.lastAt,
    };
  }

  /** What an outcome of this moment weighs. */
  #weightAt(now: number): number {
    const weight = 2 ** (Math.max(0, now - this.#landmark) / LIMITS.statisticsHalfLifeMs);
    if (weight < RESCALE_AT) return weight;
    for (const tally of this.#tallies.values()) {
      for (const name of OUTCOME_CLASSES) if (tally.outcomes[name] !== undefined) tally.outcomes[name] /= weight;
      tally.hedges /= weight;
      tally.costed /= weight;
      tally.cost /= weight;
      if (tally.costSquares !== undefined) tally.costSquares /= weight;
      for (const moments of [tally.input, tally.output]) if (moments !== undefined) scale(moments, 1 / weight);
      tally.sketch.scale(1 / weight);
    }
    this.#landmark = now;
    return 1;
  }

  #tally(capability: string): Tally {
    let tally = this.#tallies.get(capability);
    if (tally === undefined) {
      const empty = { outcomes: {}, hedges: 0, costed: 0, cost: 0, latencyMs: null, totalCalls: 0, totalCostUsd: 0, totalTokens: 0 };
      tally = { ...empty, sketch: new LatencySketch(), lastAt: 0 };
      this.#tallies.set(capability, tally);
    }
    return tally;
  }
}

/** A failure that came as a reply: how long it took says something. */
function isAnswered(outcome: AttemptOutcome): boolean {
  return outcome.class === "unavailable" || outcome.class === "invalid" || outcome.class === "refused" || outcome.class === "throttled";
}

function addTo(moments: Moments, value: number, weight: number): void {
  moments.weight += weight;
  moments.sum += weight * value;
  moments.squares += weight * value ** 2;
}

function scale(moments: Moments, factor: number): void {
  moments.weight *= factor;
  moments.sum *= factor;
  moments.squares *= factor;
}

function moreOf({ sketch, failureMs, cost, costed, costSquares, input, output }: Tally): { readonly more?: MoreStatistics } {
  const latenciesMs = sketch.quantiles(LATENCY_SHARES);
  const more: MoreStatistics = {
    ...(latenciesMs !== null && { latenciesMs }),
    ...(failureMs !== undefined && { failureMs: rounded(failureMs) }),
    ...(costSquares !== undefined &&
      costed > 0 && { costDeviationUsd: meanOf({ weight: costed, sum: cost, squares: costSquares }).deviation }),
    ...(input !== undefined && input.weight > 0 && { inputTokens: meanOf(input) }),
    ...(output !== undefined && output.weight > 0 && { outputTokens: meanOf(output) }),
  };
  return Object.keys(more).length === 0 ? {} : { more };
}

function meanOf({ weight, sum, squares }: Moments): Mean {
  const mean = sum / weight;
  const deviation = Math.sqrt(Math.max(0, squares / weight - mean ** 2));
  // What is left of equal numbers is the noise of adding doubles.
  return { mean, deviation: deviation < mean * 1e-6 ? 0 : deviation };
}

const rounded = (count: number): number => Math.round(count * 1_000) / 1_000;
