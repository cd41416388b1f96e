/** Every kind of step, where what it takes and costs can be said beforehand. */
import { describe, expect, test } from "vitest";
import { agent, directoryOf, KNOWN, seen, stateOf } from "../agents/candidates.ts";
import { step } from "../engine/scenario.ts";
import { BUILTIN, estimateOf, exactly, SECOND, takes } from "./scenario.ts";

const fixed = { strategy: "fixed", jitter: "none" };
/** It never answers. */
const silent = (id: string, more: object = {}) =>
  [
    agent(id, { capabilities: [{ name: id }], ...more }),
    stateOf({ capabilities: { [id]: { ...seen(KNOWN, { outcomes: { timeout: KNOWN } }).capabilities["work"] } as never } }),
  ] as const;

describe("steps of agents", () => {
  test("one after the other take the sum", () => {
    const steps = [step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["b"] })];
    const assume = { a: takes("1s"), b: takes("2s"), c: takes("4s") };
    expect(exactly(steps, { assume })).toEqual({ ms: 7 * SECOND, usd: 0.03, calls: 3, success: 1 });
  });

  test("side by side take as long as the longest", () => {
    const assume = { a: takes("1s"), b: takes("5s"), c: takes("4s") };
    expect(exactly([step("a"), step("b"), step("c")], { assume })).toEqual({ ms: 5 * SECOND, usd: 0.03, calls: 3, success: 1 });
  });

  test("that are built in take no time and cost nothing", () => {
    const steps = [
      { id: "a", agent: "echo" },
      { id: "b", agent: "echo", needs: ["a"] },
    ];
    expect(exactly(steps, { snapshot: BUILTIN })).toEqual({ ms: 0, usd: 0, calls: 2, success: 1 });
  });

  test("are tried again as often as they say, each time as long as they wait", () => {
    const snapshot = directoryOf(silent("dead", { price: { perCallUsd: 0.01 } }));
    const dead = { id: "a", capability: "dead", timeout: "2s", retry: { max_attempts: 3, delay: "1s", ...fixed } };
    const given = { snapshot, assume: { a: { succeeds: 0 } } };
    expect(exactly([dead], given)).toEqual({ ms: 8 * SECOND, usd: 0.03, calls: 3, success: 0 });
    // What brings nothing may be for nothing.
    expect(exactly([dead], { ...given, paysForFailures: false }).usd).toBe(0);
  });

  test("fall back on others, or on a value", () => {
    const snapshot = directoryOf(silent("dead"), agent("rescuer", { capabilities: [{ name: "rescue" }], price: { perCallUsd: 1 } }));
    const dead = { id: "a", capability: "dead", timeout: "2s", retry: { max_attempts: 1 } };
    const never = { snapshot, assume: { a: { succeeds: 0 } } };
    expect(exactly([{ ...dead, on_error: { output: 1 } }], never)).toMatchObject({ ms: 2 * SECOND, success: 1 });
    expect(exactly([{ ...dead, on_error: "continue" }], never)).toMatchObject({ ms: 2 * SECOND, success: 1 });
    const after = [
      { ...dead, on_error: "continue" },
      { id: "b", capability: "rescue", needs: ["a"], run_if: "any_failed" },
    ];
    expect(exactly(after, { snapshot, assume: { a: { succeeds: 0 }, b: takes("1s") } })).toMatchObject({ ms: 3 * SECOND, usd: 1 });
    const { first } = estimateOf([{ ...dead, fallback: [{ capability: "rescue" }] }], {
      snapshot,
      assume: { a: { takes: "1s", succeeds: 0.5 } },
    });
    expect(first.quantiles("calls")).toMatchObject({ p5: 1, p95: 2 });
  });

  test("that take longer than they may have failed", () => {
    expect(exactly([step("a", { timeout: "2s", retry: { max_attempts: 1 } })], { assume: { a: takes("3s") } })).toMatchObject({
      ms: 2 * SECOND,
      success: 0,
    });
  });

  test("end with the deadline", () => {
    expect(exactly([step("a")], { deadlineMs: 2 * SECOND, assume: { a: takes("1h") } })).toMatchObject({ ms: 2 * SECOND, success: 0 });
  });

  const pair = directoryOf(agent("one", { price: { perCallUsd: 1 } }), agent("two", { price: { perCallUsd: 1 } }));

  test.each([
    ["first", {}, 1],
    ["all", {}, 1],
    ["best", { score: "output.score" }, 1],
    ["quorum", { quorum: 2 }, 1],
  ])("as an ensemble call all of them (%s)", (mode, more, seconds) => {
    const asked = step("a", { ensemble: { agents: 2, mode, ...more } });
    expect(exactly([asked], { snapshot: pair, assume: { a: takes("1s") } })).toEqual({
      ms: seconds * SECOND,
      usd: 2,
      calls: 2,
      success: 1,
    });
  });

  test("as an ensemble wait for all or for the first", () => {
    const some = { a: { takes: { min: "1s", max: "9s" }, succeeds: 1 } };
    const of = (mode: string) =>
      estimateOf([step("a", { ensemble: { agents: 2, mode } })], { snapshot: pair, assume: some, runs: 500 }).first.quantiles("durationMs");
    // Of two numbers between 1 and 9 the smaller one is 3.67 on average, the larger one 6.33.
    expect(of("first").mean).toBeCloseTo(3_667, -3);
    expect(of("all").mean).toBeCloseTo(6_333, -3);
  });

  test("have a second agent when the first is slow, and only then", () => {
    const hedged = step("a", { hedge: { after: "2s", max_share: 1 } });
    expect(exactly([hedged], { snapshot: pair, assume: { a: takes("5s") } })).toMatchObject({ ms: 5 * SECOND, calls: 2, usd: 2 });
    expect(exactly([hedged], { snapshot: pair, assume: { a: takes("1s") } })).toMatchObject({ ms: SECOND, calls: 1, usd: 1 });
  });

  test("wait for an agent that takes few at once, or few in a time", () => {
    const steps = ["a", "b", "c"].map((id) => step(id));
    const assume = { a: takes("1s"), b: takes("1s"), c: takes("1s") };
    const one = directoryOf(agent("worker", { limits: { maxConcurrency: 1 } }));
    // With nothing else under way a reply is recorded at once, and the slot given back with it.
    expect(exactly(steps, { snapshot: one, assume }).ms).toBe(3 * SECOND);
    const seldom = directoryOf(agent("worker", { limits: { rate: { count: 1, perMs: 10 * SECOND } } }));
    expect(exactly(steps, { snapshot: seldom, assume }).ms).toBeGreaterThanOrEqual(21 * SECOND);
    expect(exactly(steps, { snapshot: seldom, assume }).ms).toBeLessThan(22 * SECOND);
  });

  test("for which there is nobody fail, and that is told", () => {
    const { first, warnings } = estimateOf([step("a", { capability: "wrk" })]);
    expect(first.success).toBe(0);
    expect(warnings).toMatchObject([
      { code: "no_agent", step: "a", message: expect.stringContaining("Nobody offers") },
      { code: "never_completes" },
    ]);
  });
});

describe("blocks", () => {
  const inner = [step("b")];
  const each = (more: object = {}) => ({ id: "each", type: "map", over: "input.items", steps: inner, ...more });
  const items = (count: number) => ({ items: Array.from({ length: count }, (_, index) => index) });
  const assume = { "each/b": takes("1s") };

  test("a map takes as many turns as its concurrency makes", () => {
    expect(exactly([each({ concurrency: 3 })], { input: items(7), assume })).toEqual({ ms: 3 * SECOND, usd: 0.07, calls: 7, success: 1 });
    expect(exactly([each()], { input: items(7), assume })).toMatchObject({ ms: SECOND, calls: 7 });
    expect(exactly([each()], { input: items(0), assume })).toMatchObject({ ms: 0, calls: 0 });
  });

  test("a map over what nobody knows has as many items as assumed, and says so", () => {
    const steps = [step("a"), { id: "each", type: "map", over: "steps.a.output", steps: inner }];
    const given = { assume: { ...assume, a: takes("1s"), each: { items: 4 } } };
    expect(exactly(steps, given)).toMatchObject({ ms: 2 * SECOND, calls: 5 });
    expect(estimateOf(steps, given).assumptions).toContainEqual(
      expect.objectContaining({ step: "each", field: "items", value: 4, given: true }),
    );
    const { assumptions, first } = estimateOf(steps, { assume });
    expect(assumptions).toContainEqual(
      expect.objectContaining({ step: "each", field: "items", value: { min: 5, max: 20 }, given: false, why: "depends on steps.a.output" }),
    );
    expect(first.quantiles("calls").p5).toBeGreaterThanOrEqual(6);
    expect(first.quantiles("calls").p95).toBeLessThanOrEqual(21);
  });

  test("a large map is spread over tasks", () => {
    expect(exactly([each()], { input: items(250), assume, runs: 3 })).toMatchObject({ ms: SECOND, calls: 250, success: 1 });
  });

  test("how many a map came to is known, and what of its items is, but not what agents answered", () => {
    const nested = each({ steps: [{ id: "t", type: "transform", output: { n: "${ item }", b: 1 } }, step("b")] });
    const outputs = [
      ["size(steps.each.output) == 2", 1],
      ["steps.each.output[1].t.n == 1 && steps.each.output.all(one, one.t.b == 1)", 1],
      ["steps.each.output[0].b == 'x'", 0],
    ] as const;
    for (const [when, holds] of outputs) {
      const steps = [nested, { id: "end", type: "end", status: "failed", needs: ["each"], when: `!(${when})` }];
      const { first } = estimateOf(steps, { input: items(2), assume: { ...assume, end: { when: 1 } }, runs: 3 });
      expect(first.success, when).toBe(holds);
    }
    expect(exactly([each()], { input: items(250), assume, runs: 3, more: { output: "${ size(steps.each.output) }" } }).success).toBe(1);
  });

  test("items that fail are tolerated as far as the map says", () => {
    const failing = { ...assume, "each/b": { takes: "1s", succeeds: 0 } };
    const once = [step("b", { retry: { max_attempts: 1 } })];
    expect(estimateOf([each({ steps: once, tolerate: "100%" })], { input: items(3), assume: failing }).first.success).toBe(1);
    expect(estimateOf([each({ steps: once, tolerate: 2 })], { input: items(3), assume: failing }).first.success).toBe(0);
  });

  test("a switch goes the way that the input says, or the one that is assumed", () => {
    const way = (id: string) => [{ id, capability: "work" }];
    const cases = [
      { when: "input.n > 10", steps: way("large") },
      { when: "input.n > 5", steps: way("middle") },
    ];
    const choice = { id: "way", type: "switch", cases, default: { steps: way("small") } };
    const assume = { "way/large": takes("9s"), "way/middle": takes("5s"), "way/small": takes("1s") };
    for (const [n, seconds] of [
      [11, 9],
      [7, 5],
      [1, 1],
    ] as const) {
      expect(exactly([choice], { input: { n }, assume })).toMatchObject({ ms: seconds * SECOND, calls: 1 });
    }
    expect(exactly([choice], { input: undefined, assume: { ...assume, way: { case: 1 } } }).ms).toBe(5 * SECOND);
    expect(exactly([choice], { input: undefined, assume: { ...assume, way: { case: "default" } } }).ms).toBe(SECOND);
    const { first, assumptions } = estimateOf([choice], { input: undefined, assume, runs: 600 });
    // Each of three ways, as likely.
    expect(first.quantiles("durationMs").mean).toBeCloseTo(5 * SECOND, -3);
    expect(assumptions).toContainEqual(expect.objectContaining({ step: "way", field: "case", value: "3 ways, each as likely" }));
  });

  test("a repeat runs until its condition holds, with its delay in between", () => {
    const repeat = (more: object) => ({ id: "r", type: "repeat", max: 5, steps: inner, ...more });
    const assume = { "r/b": takes("1s") };
    expect(exactly([repeat({})], { assume })).toMatchObject({ ms: 5 * SECOND, calls: 5, success: 1 });
    expect(exactly([repeat({ until: "iteration >= 3", delay: "10s" })], { assume })).toMatchObject({ ms: 23 * SECOND, calls: 3 });
    expect(exactly([repeat({ until: "false" })], { assume })).toMatchObject({ ms: 5 * SECOND, success: 0 });
    const unknown = repeat({ until: "steps.b.output.done" });
    expect(exactly([unknown], { assume: { ...assume, r: { iterations: 2 } } })).toMatchObject({ ms: 2 * SECOND, calls: 2, success: 1 });
  });

  test("another workflow takes what its steps take, and is a task of its own", () => {
    const steps = [{ id: "c", type: "workflow", workflow: "other", input: { n: 2 } }];
    const other = [step("x"), step("y", { needs: ["x"], when: "input.n > 1" }), step("z", { when: "input.n > 2" })];
    const assume = { "other:x": takes("1s"), "other:y": takes("2s") };
    expect(exactly(steps, { workflows: { other }, assume })).toEqual({ ms: 3 * SECOND, usd: 0.02, calls: 2, success: 1 });
  });

  test("workflows that start each other for ever end at the depth that tasks may have", () => {
    const loop = [{ id: "c", type: "workflow", workflow: "loop" }];
    expect(estimateOf(loop, { workflows: { loop } }).first.success).toBe(0);
  });
});

describe("what a task has of the engine", () => {
  const second = (...ids: readonly string[]) => Object.fromEntries(ids.map((id) => [id, takes("1s")]));

  test("a budget ends it, or has it go on with what there is, or with whoever costs less", () => {
    const steps = [step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["b"] })];
    const given = { assume: second("a", "b", "c") };
    const allowance = { calls: 2, on_exhausted: "stop" } as const;
    expect(exactly(steps, { ...given, allowance })).toEqual({ ms: 2 * SECOND, usd: 0.02, calls: 2, success: 0 });
    expect(exactly(steps, { ...given, allowance: { ...allowance, on_exhausted: "finish" } })).toMatchObject({ calls: 2, success: 1 });
    const known = stateOf(seen(KNOWN));
    const dear = directoryOf([agent("dear", { price: { perCallUsd: 1 } }), known], [agent("cheap", { price: { perCallUsd: 0.1 } }), known]);
    const first = [step("a", { select: { policy: "fastest" } }), step("b", { needs: ["a"] })];
    const cheaper = { cost_micros: 1_150_000, on_exhausted: "cheaper" } as const;
    const { policies } = estimateOf(first, { snapshot: dear, assume: second("a", "b"), allowance: cheaper, policies: ["most_reliable"] });
    expect(policies[0]?.tally.success).toBe(1);
    expect(policies[0]?.tally.quantiles("costUsd").p95).toBeLessThanOrEqual(1.15);
  });

  test("people may give it more to spend", () => {
    const steps = [step("a"), step("b", { needs: ["a"] })];
    const allowance = { calls: 1, on_exhausted: "ask" } as const;
    const { first, assumptions } = estimateOf(steps, { assume: second("a", "b"), allowance, runs: 200 });
    expect(first.success).toBeCloseTo(0.9, 1);
    expect(first.quantiles("durationMs").p5).toBeGreaterThan(300 * SECOND);
    expect(assumptions).toContainEqual(expect.objectContaining({ step: "b", field: "approves", value: 0.9, given: false }));
  });

  test("steps that ask the same share a result, where they may", () => {
    const cached = (id: string, input: unknown) => step(id, { input, cache: { ttl: "1h" } });
    const assume = second("a", "b", "c");
    const same = [cached("a", "${ input.n }"), cached("b", "${ input.n }"), cached("c", "${ input.m }")];
    expect(exactly(same, { input: { n: 1, m: 2 }, assume })).toMatchObject({ calls: 2, success: 1 });
    // What is not known may be anything.
    expect(exactly(same, { input: undefined, assume })).toMatchObject({ calls: 3 });
    expect(estimateOf(same, { assume }).assumptions).toContainEqual(expect.objectContaining({ step: "a", field: "cache", value: "empty" }));
  });

  test("what was done is undone when it fails", () => {
    const snapshot = directoryOf(
      agent("worker", { price: { perCallUsd: 1 } }),
      agent("other", { capabilities: [{ name: "undo" }], expectedLatencyMs: 1 }),
    );
    const steps = [step("a", { compensate: { capability: "undo" } }), step("b", { needs: ["a"], retry: { max_attempts: 1 } })];
    const { first } = estimateOf(steps, { snapshot, assume: { a: takes("1s"), b: { takes: "1s", succeeds: 0 } }, runs: 20 });
    expect(first.success).toBe(0);
    expect(first.agents().map(({ agent: id }) => id)).toContain("other");
    expect(first.quantiles("calls").p5).toBeGreaterThanOrEqual(3);
  });

  test("tasks of one key wait for each other, as many as its workflow says", () => {
    const other = { steps: [step("x")], concurrency: { key: "input.key", limit: 2 } };
    const each = {
      id: "each",
      type: "map",
      over: "input.keys",
      steps: [{ id: "c", type: "workflow", workflow: "other", input: { key: "${ item }" } }],
    };
    const given = { workflows: { other }, assume: { "other:x": takes("1s") } };
    expect(exactly([each], { ...given, input: { keys: ["a", "a", "a", "a", "a"] } })).toMatchObject({
      ms: 3 * SECOND,
      calls: 5,
      success: 1,
    });
    expect(exactly([each], { ...given, input: { keys: ["a", "b", "c", "d", "e"] } })).toMatchObject({ ms: SECOND, calls: 5 });
  });
});

describe("steps that wait", () => {
  test("take the time that they are given", () => {
    expect(exactly([{ id: "w", type: "wait", for: "90s" }]).ms).toBe(90 * SECOND);
    expect(exactly([{ id: "w", type: "wait", for: "${ input.pause }" }], { input: { pause: "5s" } }).ms).toBe(5 * SECOND);
    const later = { id: "w", type: "wait", until: "${ input.at }" };
    const at = (ms: number) => ({ at: new Date(1_000_000_000 + ms).toISOString() });
    expect(exactly([later], { input: at(60 * SECOND) }).ms).toBe(60 * SECOND);
    expect(exactly([later], { input: at(-60 * SECOND) }).ms).toBe(0);
    expect(exactly([later], { input: undefined, assume: { w: { takes: "2h" } } }).ms).toBe(7_200 * SECOND);
  });

  test("for a signal, as long as somebody assumes, but no longer than they may", () => {
    const signal = { id: "s", type: "signal", name: "paid", timeout: "1h" };
    expect(exactly([signal], { assume: { s: { takes: "10m" } } })).toMatchObject({ ms: 600 * SECOND, success: 1 });
    expect(exactly([signal], { assume: { s: { takes: "2h" } } })).toMatchObject({ ms: 3_600 * SECOND, success: 0 });
  });

  test("for people, whose answer decides what follows", () => {
    const steps = [
      { id: "ok", type: "approval", title: "Go on?", due: "2h", on_expiry: "reject" },
      step("a", { when: "steps.ok.output.decision == 'approve'", needs: ["ok"] }),
    ];
    const given = (approves: number, time: string) => ({ assume: { ok: { takes: time, approves }, a: takes("1s") } });
    expect(exactly(steps, given(1, "1h"))).toMatchObject({ ms: 3_601 * SECOND, calls: 1 });
    expect(exactly(steps, given(0, "1h"))).toMatchObject({ ms: 3_600 * SECOND, calls: 0 });
    expect(exactly(steps, given(1, "3h"))).toMatchObject({ ms: 7_200 * SECOND, calls: 0 });
    expect(exactly([{ ...steps[0], id: "ok", on_expiry: "fail" }], { assume: { ok: { takes: "3h" } } }).success).toBe(0);
  });

  test("end ends the task, whatever else is under way", () => {
    const steps = [step("a"), step("slow"), { id: "end", type: "end", status: "completed", needs: ["a"] }];
    expect(exactly(steps, { assume: { a: takes("1s"), slow: takes("1h") } })).toMatchObject({ ms: SECOND, success: 1 });
  });

  test("a condition that nobody knows holds as often as assumed", () => {
    const steps = [step("a"), step("b", { when: "steps.a.output.more" })];
    const calls = (when: number) => exactly(steps, { assume: { a: takes("1s"), b: takes("1s", { when }) } }).calls;
    expect([calls(0), calls(1)]).toEqual([1, 2]);
  });

  test("an expression that fails with this input fails its step, and is told", () => {
    const { first, warnings } = estimateOf([{ id: "t", type: "map", over: "input.list", steps: [step("a")] }], { input: {} });
    expect(first.success).toBe(0);
    expect(warnings[0]).toMatchObject({ code: "expression_error", step: "t" });
  });
});
