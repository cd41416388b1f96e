/** What holds for estimates of any workflow: their answer, its bounds, and what it says of itself. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import type { DirectorySnapshot } from "../../../src/agents/selection/selection.ts";
import { LIMITS } from "../../../src/estimates/limits.ts";
import { agent, directoryOf, KNOWN, seen, stateOf } from "../agents/candidates.ts";
import { step, type Steps } from "../engine/scenario.ts";
import { BUILTIN, estimateOf, exactly, questionOf, SECOND, takes, tryEstimate, type Given } from "./scenario.ts";

const CAPABILITIES = ["read", "write", "think"] as const;
const FIGURES = ["durationMs", "costUsd", "calls", "tokens"] as const;

interface Drawn {
  readonly steps: Steps;
  readonly seconds: readonly number[];
}

/** Steps that need some of those before them, and take so many seconds. */
const graphs: fc.Arbitrary<Drawn> = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(), { maxLength: 3 }),
      seconds: fc.integer({ min: 1, max: 60 }),
      capability: fc.constantFrom(...CAPABILITIES),
      kind: fc.constantFrom("plain", "map", "hedge", "retry"),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((drawn) => ({
    seconds: drawn.map(({ seconds }) => seconds),
    steps: drawn.map(({ needs, capability, kind }, index) => {
      const common = { id: `s${index}`, needs: index === 0 ? [] : [...new Set(needs.map((need) => `s${need % index}`))] };
      switch (kind) {
        case "map":
          return { ...common, type: "map", over: "input.items", concurrency: 2, steps: [{ id: "x", capability }] };
        case "hedge":
          return { ...common, capability, hedge: { after: "100ms" } };
        case "retry":
          return { ...common, capability, retry: { max_attempts: 4, delay: "1s" } };
        case "plain":
          return { ...common, capability };
      }
    }),
  }));

/** One agent of each capability, dearer by a factor, of whom enough is known to be uncertain in every way. */
function crew(factor = 1): DirectorySnapshot {
  const capabilities = (name: string) => ({
    [name]: seen(20, { successes: 18, outcomes: { success: 18, unavailable: 2 } }).capabilities["work"],
  });
  return directoryOf(
    ...CAPABILITIES.map(
      (name, index) =>
        [
          agent(name, {
            capabilities: [{ name }],
            price: { perCallUsd: (index + 1) * 0.01 * factor },
            ...(index === 0 && { limits: { maxConcurrency: 2 } }),
          }),
          stateOf({ capabilities: capabilities(name) as never }),
        ] as const,
    ),
  );
}

const given: Given = { snapshot: crew(), input: { items: [1, 2, 3] }, runs: 20, paysForFailures: null };

/** All of an answer that a caller sees. */
function essence(steps: Steps, more: Given = {}) {
  const { policies, runs, least, assumptions, warnings } = estimateOf(steps, { ...given, ...more });
  const figures = policies.map(({ policy, tally }) => ({
    policy,
    figures: FIGURES.map((name) => tally.quantiles(name)),
    success: tally.success,
    path: tally.criticalPath(),
    dominators: tally.dominators(),
    agents: tally.agents(),
  }));
  return { figures, runs, least, assumptions, warnings };
}

describe("for any workflow", () => {
  test("the same question and seed have the same answer", () => {
    fc.assert(
      fc.property(graphs, fc.nat(), ({ steps }, seed) => {
        const policies = [null, "fastest", "cheapest"] as const;
        expect(essence(steps, { seed, policies })).toEqual(essence(steps, { seed, policies }));
      }),
      { numRuns: 20 },
    );
    const one = [step("a", { capability: "read" })];
    expect(essence(one, { seed: 1 })).not.toEqual(essence(one, { seed: 2 }));
  });

  test("quantiles are in order, shares are shares, and nothing is negative", () => {
    fc.assert(
      fc.property(graphs, ({ steps }) => {
        const { first } = estimateOf(steps, given);
        for (const name of FIGURES) {
          const { p5, p50, p95, mean } = first.quantiles(name);
          expect(0 <= p5 && p5 <= p50 && p50 <= p95 && mean >= 0, name).toBe(true);
        }
        for (const { share, ms } of first.criticalPath()) expect(share > 0 && share <= 1 && ms >= 0).toBe(true);
        const shares = first.dominators().reduce((sum, { durationShare }) => sum + durationShare, 0);
        expect(shares).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test("dearer agents never make it cheaper, and take as long", () => {
    fc.assert(
      fc.property(graphs, fc.double({ min: 1, max: 100, noNaN: true }), ({ steps }, factor) => {
        const [cheap, dear] = [estimateOf(steps, given), estimateOf(steps, { ...given, snapshot: crew(factor) })];
        for (const part of ["p5", "p50", "p95", "mean"] as const) {
          expect(dear.first.quantiles("costUsd")[part]).toBeGreaterThanOrEqual(cheap.first.quantiles("costUsd")[part] - 1e-9);
        }
        expect(dear.first.quantiles("durationMs")).toEqual(cheap.first.quantiles("durationMs"));
        expect(dear.least.costUsd).toBeGreaterThanOrEqual(cheap.least.costUsd - 1e-9);
      }),
      { numRuns: 40 },
    );
  });

  test("without failures no run costs less than the cheapest way through", () => {
    fc.assert(
      fc.property(graphs, ({ steps }) => {
        const assume = Object.fromEntries(
          steps.flatMap(({ id, type }) => (type === "map" ? [[`${id}/x`, { succeeds: 1 }]] : [[id, { succeeds: 1 }]])),
        );
        const { first, least } = estimateOf(steps, { ...given, assume });
        expect(first.quantiles("costUsd").p5).toBeGreaterThanOrEqual(least.costUsd - 1e-9);
        expect(first.quantiles("calls").p5).toBeGreaterThanOrEqual(least.calls);
      }),
      { numRuns: 40 },
    );
  });

  test("with agents that always take the same it takes exactly its longest way, and the steps on it say so", () => {
    fc.assert(
      fc.property(graphs, ({ steps, seconds }) => {
        const plain = steps.map(({ id, needs }) => step(id, { needs }));
        const assume = Object.fromEntries(plain.map(({ id }, index) => [id, takes(`${seconds[index]}s`)]));
        const ends: number[] = [];
        steps.forEach(({ needs }, index) => {
          const before = (needs as readonly string[]).map((need) => ends[Number(need.slice(1))] as number);
          ends.push(Math.max(0, ...before) + (seconds[index] as number));
        });
        const longest = Math.max(...ends) * SECOND;
        const { first } = estimateOf(plain, { assume, runs: 3 });
        expect(exactly(plain, { assume, runs: 3 })).toMatchObject({ calls: steps.length, success: 1 });
        // Replies that free nothing wait a moment for company.
        expect(Math.abs(first.quantiles("durationMs").p50 - longest)).toBeLessThanOrEqual(LIMITS.companyMs * steps.length);
        const path = first.criticalPath();
        expect(path.reduce((sum, { ms }) => sum + ms, 0)).toBeCloseTo(first.quantiles("durationMs").p50, 3);
      }),
      { numRuns: 100 },
    );
  });
});

describe("policies", () => {
  const swift = [
    agent("swift", { price: { perCallUsd: 0.1 } }),
    stateOf(seen(KNOWN, { latencyMs: 50, p50Ms: 50, p95Ms: 60, p99Ms: 70 })),
  ] as const;
  const thrifty = [
    agent("thrifty", { price: { perCallUsd: 0.001 } }),
    stateOf(seen(KNOWN, { latencyMs: 5_000, p50Ms: 5_000, p95Ms: 6_000, p99Ms: 7_000 })),
  ] as const;

  test("show what they would choose, so that a person can", () => {
    const steps = [step("a"), step("b", { needs: ["a"] })];
    const { policies } = estimateOf(steps, { snapshot: directoryOf(swift, thrifty), policies: ["fastest", "cheapest"] });
    const [fastest, cheapest] = policies.map(({ tally }) => tally);
    expect(fastest?.quantiles("durationMs").p95).toBeLessThan(cheapest?.quantiles("durationMs").p5 ?? 0);
    expect(cheapest?.quantiles("costUsd").p95).toBeLessThan(fastest?.quantiles("costUsd").p5 ?? 0);
    expect(fastest?.agents()[0]).toMatchObject({ agent: "swift" });
    expect(cheapest?.agents()[0]).toMatchObject({ agent: "thrifty" });
  });

  test("do not overrule whom a step rules out", () => {
    const steps = [step("a", { select: { exclude: ["swift"] } })];
    const { policies } = estimateOf(steps, { snapshot: directoryOf(swift, thrifty), policies: ["fastest"] });
    expect(policies[0]?.tally.agents().map((one) => one.agent)).toEqual(["thrifty"]);
  });
});

describe("what is known of agents", () => {
  const given = { runs: 2_000, assume: { a: { succeeds: 1 } } };

  test("is what was seen of them", () => {
    const snapshot = directoryOf([agent("a"), stateOf(seen(KNOWN, { latencyMs: 200, p50Ms: 200, p95Ms: 400, p99Ms: 500 }))]);
    const { first, assumptions } = estimateOf([step("a")], { ...given, snapshot });
    const { p50, p95 } = first.quantiles("durationMs");
    expect(p50).toBeGreaterThan(180);
    expect(p50).toBeLessThan(220);
    expect(p95).toBeGreaterThan(340);
    expect(p95).toBeLessThan(460);
    expect(assumptions.filter(({ agent: of }) => of === "a")).toEqual([]);
  });

  test("is what they declare, where nothing was seen, told as far as nothing was declared", () => {
    const declared: Partial<AgentRecord> = { expectedLatencyMs: 10_000, price: { perCallUsd: 0.5 } };
    const { first, assumptions } = estimateOf([step("a")], { ...given, snapshot: directoryOf(agent("new", declared)) });
    const { p5, p50, p95 } = first.quantiles("durationMs");
    expect(p50 / 10_000).toBeCloseTo(1, 0);
    expect(p5).toBeLessThan(7_000);
    expect(p95).toBeGreaterThan(15_000);
    expect(first.quantiles("costUsd")).toMatchObject({ p5: 0.5, p95: 0.5 });
    expect(assumptions.filter(({ agent: of }) => of === "new").map(({ field }) => field)).toEqual(["success"]);
    const unknown = estimateOf([step("a")], { ...given, snapshot: directoryOf(agent("new", { price: { per1kOutputTokensUsd: 1 } })) });
    expect(unknown.assumptions.filter(({ agent: of }) => of === "new").map(({ field }) => field)).toEqual(["latency", "success", "tokens"]);
  });

  test("is less certain the less was seen", () => {
    const widthAfter = (calls: number): number => {
      const figures = seen(calls, { latencyMs: 200, p50Ms: 200, p95Ms: 400, p99Ms: 500 });
      const tenfold = Array.from({ length: 10 }, (_, index) => step(`s${index}`, { needs: index === 0 ? [] : [`s${index - 1}`] }));
      const assume = Object.fromEntries(tenfold.map(({ id }) => [id, { succeeds: 1 }]));
      const { p5, p95 } = estimateOf(tenfold, {
        runs: 1_000,
        assume,
        snapshot: directoryOf([agent("a"), stateOf(figures)]),
      }).first.quantiles("durationMs");
      return p95 / p5;
    };
    expect(widthAfter(2)).toBeGreaterThan(1.2 * widthAfter(1_000));
  });

  test("prices by tokens are those of the tokens that the caller assumes", () => {
    const snapshot = directoryOf(agent("a", { price: { per1kInputTokensUsd: 0.01, per1kOutputTokensUsd: 0.1 } }));
    const assume = { a: takes("1s", { input_tokens: 2_000, output_tokens: 500 }) };
    expect(exactly([step("a")], { snapshot, assume }).usd).toBeCloseTo(0.07, 9);
    expect(estimateOf([step("a")], { snapshot, assume }).first.quantiles("tokens").p50).toBe(2_500);
  });
});

describe("a budget", () => {
  const steps = [step("a"), step("b"), step("c", { needs: ["a"] })];
  const assume = { a: takes("1s"), b: takes("1s"), c: takes("1s") };
  const nothing = { costUsd: null, tokens: null, calls: null, durationMs: null };

  test("smaller than the cheapest way through is told so, with what that takes", () => {
    const { warnings, first, least } = estimateOf(steps, { assume, budget: { ...nothing, costUsd: 0.02, calls: 2 } });
    expect(least).toEqual({ costUsd: expect.closeTo(0.03, 9), tokens: 0, calls: 3 });
    expect(warnings).toMatchObject([{ code: "budget_too_small", message: expect.stringContaining("cost_usd 0.03 of 0.02; calls 3 of 2") }]);
    expect(first.within({ ...nothing, costUsd: 0.02 })).toBe(0);
  });

  test("that no run keeps is told apart from that, and one that is kept is not told of", () => {
    expect(estimateOf(steps, { assume, budget: { ...nothing, durationMs: 1_500 } }).warnings).toMatchObject([{ code: "over_budget" }]);
    const exact = { ...nothing, costUsd: 0.03, calls: 3, durationMs: 2_100 };
    expect(estimateOf(steps, { assume, budget: exact }).warnings).toEqual([]);
    expect(estimateOf(steps, { assume }).first.within(exact)).toBe(1);
  });

  test("is not kept by failing early", () => {
    const flaky = { ...assume, a: { takes: "1s", succeeds: 0.5 } };
    const once = steps.map((one) => ({ ...one, retry: { max_attempts: 1 } }));
    const { warnings, first } = estimateOf(once, { assume: flaky, budget: { ...nothing, calls: 2 } });
    expect(first.success).toBeGreaterThan(0);
    expect(warnings).toMatchObject([{ code: "budget_too_small" }]);
  });
});

describe("work is bounded", () => {
  const map = (count: number, inner: Record<string, unknown> = {}): readonly [Steps, Given] => [
    [{ id: "each", type: "map", over: "input.items", tolerate: "100%", steps: [step("x", inner)] }],
    { input: { items: Array.from({ length: count }, () => 0) }, assume: { "each/x": takes("1s") } },
  ];

  test("a large workflow gets fewer runs, and is told so", () => {
    const [steps, given] = map(5_000);
    const { runs, warnings } = estimateOf(steps, { ...given, runs: 1_000 });
    expect(runs).toBeLessThanOrEqual(LIMITS.estimateSteps / 5_000);
    expect(runs).toBeGreaterThanOrEqual(LIMITS.estimateLeastRuns);
    expect(warnings).toMatchObject([{ code: "fewer_runs" }]);
  });

  test("attempts count as steps do", () => {
    const [steps, given] = map(6_000, { retry: { max_attempts: 20, delay: "1ms", jitter: "none" } });
    const isFound = (succeeds: number) =>
      tryEstimate(questionOf(steps, { ...given, assume: { "each/x": { takes: "1s", succeeds } }, runs: 3 })).found.ok;
    expect([isFound(1), isFound(0)]).toEqual([true, false]);
  });

  test("one that is too large for any number of runs is refused, with what to do", () => {
    const inner = Array.from({ length: 13 }, (_, index) => step(`x${index}`));
    const each = { id: "each", type: "map", over: "input.items", steps: inner };
    const { found } = tryEstimate(questionOf([each], { input: { items: Array.from({ length: LIMITS.mapItems }, () => 0) } }));
    expect(found.ok || found.error).toMatchObject({ code: "limit_reached", detail: expect.stringContaining("assume fewer items") });
  });

  test("it is done in slices", () => {
    const [steps, given] = map(1_000);
    const { found, slices } = tryEstimate(questionOf(steps, { ...given, runs: 200 }));
    expect(found.ok).toBe(true);
    expect(slices).toBeGreaterThan((200 * 2_000) / LIMITS.estimateSliceSteps / 2);
  });

  test("nothing has no steps left to simulate, and is nothing", () => {
    expect(exactly([{ id: "t", type: "transform", output: 1 }], { snapshot: BUILTIN })).toEqual({ ms: 0, usd: 0, calls: 0, success: 1 });
  });
});
