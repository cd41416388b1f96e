/** What results weigh: how deep they nest, what they take together, and what is referred to instead of copied. */
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/engine/limits.ts";
import type { EventOf } from "../../../src/engine/facts/event.ts";
import type { Json } from "../../../src/shared/json.ts";
import { leastLength, passesBound } from "../../../src/shared/json-size.ts";
import { Scenario } from "./scenario.ts";

const wraps = (times: number) => [
  {
    id: "r",
    type: "repeat",
    max: times,
    steps: [{ id: "x", type: "transform", output: ["${ previous }"] }],
    output: "${ steps.x.output }",
  },
];
const resultsOf = (scenario: Scenario) =>
  scenario.journal.flatMap(({ events }) => events).filter((event): event is EventOf<"step.completed"> => event.type === "step.completed");

describe("a result", () => {
  test("nests as deep as a body may, and no deeper", () => {
    expect(new Scenario(wraps(LIMITS.jsonDepth), { output: "${ steps.r.output }" }).status).toBe("completed");
    const deep = new Scenario(wraps(LIMITS.jsonDepth + 1));
    expect([deep.status, deep.state.end?.error?.code]).toEqual(["failed", "result_too_deep"]);
  });

  test("nests as it did where the task began before that was bounded", () => {
    expect(new Scenario(wraps(100), { rules: 0 }).status).toBe("completed");
  });

  test("is counted before it is copied: ten thousand references to a large input are no ten thousand copies", () => {
    const steps = [{ id: "a", type: "transform", output: Array.from({ length: 10_000 }, () => "${ input.s }") }];
    const many = new Scenario(steps, { input: { s: "a".repeat(1_000_000) }, inputBytes: 1_000_010 });
    expect([many.status, many.state.end?.error?.code]).toEqual(["failed", "result_too_large"]);
  });

  test("that is a value passed on unchanged is referred to, step after step", () => {
    const input = { list: Array.from({ length: 1_000 }, (_, index) => index) };
    const steps = Array.from({ length: 50 }, (_, index) => ({
      id: `s${index}`,
      type: "transform",
      output: index === 0 ? "${ input }" : `\${ steps.s${index - 1}.output }`,
    }));
    const passed = new Scenario(steps, { input, inputBytes: 5_000, output: "${ steps.s49.output }" });
    expect(passed.status).toBe("completed");
    expect(resultsOf(passed).map(({ output }) => output)).toEqual(Array.from({ length: 50 }, () => ({ seq: 1, bytes: 5_000 })));
    expect(passed.state.valueBytes).toBe(5_000);
  });

  test("has one zero, in memory as in the journal", () => {
    const steps = [
      { id: "a", type: "transform", output: "${ 0.0 * -1.0 }" },
      { id: "pos", type: "transform", when: "1.0 / steps.a.output > 0.0", output: 1 },
    ];
    const zero = new Scenario(steps);
    expect(resultsOf(zero)[0]?.output).toMatchObject({ value: 0 });
    expect(resultsOf(zero).map(({ step }) => step)).toContain("pos");
  });
});

describe("the values of a task together", () => {
  const mib = 1024 * 1024;
  const own = Array.from({ length: 30 }, (_, index) => ({ id: `s${index}`, type: "transform", output: ["${ input }", index] }));

  test("have a budget: what would pass it fails its step before it is written", () => {
    const size = 15 * mib;
    const task = new Scenario(own, { input: "a".repeat(size), inputBytes: size });
    // Each of them is a turn of its own: others are answered in between.
    for (let turn = 0; turn < own.length && task.state.end === null; turn++) task.after(0);
    expect(task.state.end?.error?.code).toBe("task_too_large");
    expect(resultsOf(task)).toHaveLength(Math.floor(LIMITS.taskBytes / size) - 1);
    expect(task.state.valueBytes).toBeLessThanOrEqual(LIMITS.taskBytes);
  });
});

test("a value is never thought to be longer than its JSON", () => {
  for (const value of [[], {}, [[], [1], [[[[]]]]], { a: { b: {} }, c: [1, 2], d: "x" }, "é", null, 12, [[1], [2]]] as readonly Json[]) {
    const length = JSON.stringify(value).length;
    expect(leastLength(value, { length: 1_000, depth: 64 })).toBeLessThanOrEqual(length);
    expect(passesBound(value, { length, depth: 64 })).toBeNull();
  }
  expect(passesBound(["a".repeat(100), "a".repeat(100)], { length: 150, depth: 64 })).toBe("too_large");
  expect(passesBound([[[]]], { length: 150, depth: 2 })).toBe("too_deep");
});
