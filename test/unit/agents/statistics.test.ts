import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LatencySketch } from "../../../src/agents/object/latency-sketch.ts";
import { Statistics, type StoredStatistics } from "../../../src/agents/object/statistics.ts";
import { LIMITS } from "../../../src/agents/limits.ts";
import { OUTCOME_CLASSES, type AttemptOutcome } from "../../../src/shared/outcome.ts";

const NOW = 1_000_000_000;
const HALF_LIFE = LIMITS.statisticsHalfLifeMs;
const outcome = (more: Partial<AttemptOutcome> = {}): AttemptOutcome => ({
  class: "success",
  ms: 100,
  costUsd: null,
  tokens: null,
  hedge: false,
  ...more,
});
const faulty = outcome({ class: "timeout", ms: 5_000 });

/** The value that a share `q` of the values is not above. */
function exactQuantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)] as number;
}

describe("quantiles of latency", () => {
  const latencies = fc.oneof(
    fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 300 }),
    fc.array(fc.integer({ min: 1, max: 86_400_000 }), { minLength: 1, maxLength: 300 }),
    // Fast ones and a few that are very slow, as agents are.
    fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 20, max: 60 }) }, { weight: 1, arbitrary: fc.nat(100_000) }), {
      minLength: 1,
      maxLength: 300,
    }),
  );
  const shares = fc.oneof(fc.constantFrom(0.5, 0.95, 0.99, 1), fc.double({ min: 0.01, max: 1, noNaN: true }));

  test("are within 5 % of the exact ones, whatever the data", () => {
    fc.assert(
      fc.property(latencies, shares, (values, q) => {
        const sketch = new LatencySketch();
        for (const ms of values) sketch.add(ms, 1);
        const [exact, answer] = [exactQuantile(values, q), sketch.quantile(q) as number];
        expect(Math.abs(answer - exact)).toBeLessThanOrEqual(exact * 0.05 + 1e-9);
      }),
      { numRuns: 2_000 },
    );
  });

  test("do not change when every weight does", () => {
    fc.assert(
      fc.property(latencies, shares, fc.constantFrom(1 / 8, 4, 1_024), (values, q, factor) => {
        const [plain, scaled] = [new LatencySketch(), new LatencySketch()];
        for (const ms of values) plain.add(ms, 1);
        for (const ms of values) scaled.add(ms, 1);
        scaled.scale(factor);
        expect(scaled.quantile(q)).toBe(plain.quantile(q));
      }),
    );
  });

  test("count a value as much as it weighs", () => {
    const sketch = new LatencySketch();
    sketch.add(10, 1);
    sketch.add(1_000, 3);
    expect(sketch.quantile(0.25)).toBeCloseTo(10, 0);
    expect(Math.abs((sketch.quantile(0.26) as number) / 1_000 - 1)).toBeLessThan(0.05);
  });

  test("of nothing are nothing, and of less than a millisecond 0", () => {
    expect(new LatencySketch().quantile(0.5)).toBeNull();
    const sketch = new LatencySketch();
    sketch.add(0, 1);
    sketch.add(0.4, 1);
    expect(sketch.quantile(0.99)).toBe(0);
  });

  test("from a millisecond to a day take some two hundred buckets", () => {
    const sketch = new LatencySketch();
    for (let ms = 1; ms <= 86_400_000; ms *= 1.05) sketch.add(ms, 1);
    expect(sketch.pairs().length).toBeLessThan(200);
  });

  test("are the same when stored and read again", () => {
    fc.assert(
      fc.property(latencies, shares, (values, q) => {
        const sketch = new LatencySketch();
        for (const ms of values) sketch.add(ms, 1);
        const reloaded = new LatencySketch(JSON.parse(JSON.stringify(sketch.pairs())) as ReturnType<LatencySketch["pairs"]>);
        expect(reloaded.quantile(q)).toBe(sketch.quantile(q));
      }),
    );
  });
});

describe("an agent's figures", () => {
  test("are kept for each capability, and are nothing for one that was never called", () => {
    const statistics = new Statistics(NOW);
    statistics.add("draw", outcome(), NOW);
    statistics.add("constructor", faulty, NOW);
    expect(statistics.of("draw", NOW)).toMatchObject({ calls: 1, successes: 1, faults: 0 });
    expect(statistics.of("constructor", NOW)).toMatchObject({ calls: 1, successes: 0, faults: 1 });
    expect(statistics.of("write", NOW)).toBeNull();
    expect(Object.keys(statistics.all(NOW))).toEqual(["draw", "constructor"]);
  });

  test("count every kind of outcome, and as faults only the agent's own", () => {
    const statistics = new Statistics(NOW);
    for (const kind of OUTCOME_CLASSES) statistics.add("work", outcome({ class: kind }), NOW);
    expect(statistics.of("work", NOW)).toMatchObject({ calls: 8, successes: 1, faults: 3, totalCalls: 8 });
    expect(statistics.of("work", NOW)?.outcomes).toEqual(Object.fromEntries(OUTCOME_CLASSES.map((kind) => [kind, 1])));
  });

  test("take latency from successes alone: a failure says nothing about how long the work takes", () => {
    const statistics = new Statistics(NOW);
    statistics.add("work", faulty, NOW);
    expect(statistics.of("work", NOW)).toMatchObject({ latencyMs: null, p50Ms: null });
    statistics.add("work", outcome({ ms: 100 }), NOW);
    statistics.add("work", outcome({ ms: null }), NOW);
    expect(statistics.of("work", NOW)).toMatchObject({ latencyMs: 100, successes: 2 });
    statistics.add("work", outcome({ ms: 200 }), NOW);
    expect(statistics.of("work", NOW)).toMatchObject({ latencyMs: 120 });
  });

  test("tell what a call costs on average, of those that said so, and all that it has cost", () => {
    const statistics = new Statistics(NOW);
    for (const costUsd of [0.1, null, 0.3]) statistics.add("work", outcome({ costUsd, tokens: 50 }), NOW);
    const { costUsd, totalCostUsd, totalTokens } = statistics.of("work", NOW) ?? {};
    expect(costUsd).toBeCloseTo(0.2);
    expect(totalCostUsd).toBeCloseTo(0.4);
    expect(totalTokens).toBe(150);
  });

  test("count hedges", () => {
    const statistics = new Statistics(NOW);
    statistics.add("work", outcome({ hedge: true }), NOW);
    statistics.add("work", outcome({ hedge: true, class: "canceled", ms: null }), NOW);
    statistics.add("work", outcome(), NOW);
    expect(statistics.of("work", NOW)).toMatchObject({ calls: 3, hedges: 2 });
  });

  test("start afresh after an outage, but for how long it takes and what it costs", () => {
    const statistics = new Statistics(NOW);
    for (let call = 0; call < 10; call++) statistics.add("work", outcome({ costUsd: 1, hedge: true }), NOW);
    statistics.restart();
    expect(statistics.of("work", NOW)).toMatchObject({ calls: 0, successes: 0, hedges: 0, outcomes: {}, latencyMs: 100, costUsd: 1 });
    expect(statistics.of("work", NOW)?.totalCalls).toBe(10);
  });
});

describe("time", () => {
  test("halves what was seen, every half-life", () => {
    const statistics = new Statistics(NOW);
    for (let call = 0; call < 80; call++) statistics.add("work", call % 4 === 0 ? faulty : outcome({ costUsd: 2 }), NOW);
    for (let halvings = 0; halvings < 6; halvings++) {
      const figures = statistics.of("work", NOW + halvings * HALF_LIFE);
      expect(figures).toMatchObject({ calls: 80 / 2 ** halvings, successes: 60 / 2 ** halvings, faults: 20 / 2 ** halvings });
      expect(figures).toMatchObject({ totalCalls: 80, costUsd: 2, latencyMs: 100 });
    }
  });

  test("makes the latest count most", () => {
    const statistics = new Statistics(NOW);
    for (let call = 0; call < 100; call++) statistics.add("work", outcome({ ms: 10, costUsd: 1 }), NOW);
    for (let call = 0; call < 100; call++) statistics.add("work", outcome({ ms: 1_000, costUsd: 3 }), NOW + 3 * HALF_LIFE);
    const figures = statistics.of("work", NOW + 3 * HALF_LIFE);
    expect(figures?.calls).toBeCloseTo(112.5);
    expect(figures?.p50Ms).toBeGreaterThan(900);
    expect(figures?.costUsd).toBeCloseTo((100 * 3 + 12.5) / 112.5);
  });

  const moments = fc.array(fc.record({ halfLives: fc.double({ min: 0, max: 5, noNaN: true }), isGood: fc.boolean() }), { maxLength: 60 });

  test("gives the same figures, however far they are from where it is counted from", () => {
    fc.assert(
      fc.property(moments, fc.constantFrom(29, 31, 100, 900), (all, farther) => {
        const near = new Statistics(NOW);
        const far = new Statistics(NOW - farther * HALF_LIFE);
        let now = NOW;
        for (const { halfLives, isGood } of all) {
          now += halfLives * HALF_LIFE;
          for (const one of [near, far]) one.add("work", isGood ? outcome({ costUsd: 1 }) : faulty, now);
        }
        const [expected, figures] = [near.of("work", now), far.of("work", now)];
        expect(figures?.totalCalls).toBe(expected?.totalCalls);
        for (const part of ["calls", "successes", "faults", "p50Ms", "p99Ms", "costUsd"] as const) {
          expect(figures?.[part] ?? -1).toBeCloseTo(expected?.[part] ?? -1, 2);
        }
      }),
    );
  });

  test("far in the future takes away neither totals nor what is new", () => {
    for (const halfLives of [30, 100, 2_000, 100_000]) {
      const statistics = new Statistics(NOW);
      for (let call = 0; call < 100; call++) statistics.add("work", outcome({ costUsd: 2, tokens: 5 }), NOW);
      const later = NOW + halfLives * HALF_LIFE;
      expect(statistics.of("work", later)).toMatchObject({
        calls: 0,
        totalCalls: 100,
        totalCostUsd: 200,
        totalTokens: 500,
        latencyMs: 100,
      });
      statistics.add("work", outcome({ ms: 40, costUsd: 7, hedge: true }), later);
      expect(statistics.of("work", later)).toMatchObject({ calls: 1, successes: 1, hedges: 1, totalCalls: 101 });
      expect(statistics.of("work", later)?.costUsd).toBeCloseTo(7, 5);
      expect(Math.abs((statistics.of("work", later)?.p50Ms ?? 0) - 40)).toBeLessThan(2);
    }
  });

  test("just before and after the weights are brought down gives the same", () => {
    const statistics = new Statistics(NOW);
    const before = NOW + 29.999 * HALF_LIFE;
    for (let call = 0; call < 100; call++) statistics.add("work", outcome({ ms: 10 + call, costUsd: call, hedge: true }), before);
    const [figures, after] = [statistics.of("work", before), statistics.of("work", NOW + 30.001 * HALF_LIFE)];
    expect(after?.calls).toBeCloseTo(figures?.calls ?? 0, 0);
    expect(after?.hedges).toBeCloseTo(figures?.calls ?? 0, 0);
    expect(after).toMatchObject({ p50Ms: figures?.p50Ms, p95Ms: figures?.p95Ms });
    expect(after?.costUsd).toBeCloseTo(figures?.costUsd ?? 0);
  });

  test("that goes backwards for a moment does no harm", () => {
    const statistics = new Statistics(NOW);
    statistics.add("work", outcome(), NOW - 5_000);
    expect(statistics.of("work", NOW - 5_000)).toMatchObject({ calls: 1, successes: 1 });
  });

  test("in storage changes nothing: what is stored and read again is the same, and goes on the same", () => {
    fc.assert(
      fc.property(moments, moments, (first, then) => {
        let now = NOW;
        const statistics = new Statistics(NOW);
        const addTo = (one: Statistics, at: number, isGood: boolean): void =>
          one.add("work", isGood ? outcome({ costUsd: 1 }) : faulty, at);
        for (const { halfLives, isGood } of first) addTo(statistics, (now += halfLives * HALF_LIFE), isGood);
        const stored = JSON.parse(JSON.stringify(statistics.stored())) as StoredStatistics;
        const reloaded = new Statistics(now + 12_345, stored);
        expect(reloaded.all(now)).toEqual(statistics.all(now));
        for (const { halfLives, isGood } of then) {
          now += halfLives * HALF_LIFE;
          for (const one of [statistics, reloaded]) addTo(one, now, isGood);
        }
        expect(reloaded.stored()).toEqual(statistics.stored());
      }),
    );
  });
});
