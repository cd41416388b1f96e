/** How faults of a definition are worded, and what they suggest. */
import { describe, expect, test } from "vitest";
import { compileWorkflow } from "../../../src/language/compile.ts";
import type { Fault } from "../../../src/shared/errors.ts";

function faultsOf(definition: unknown): readonly Fault[] {
  const compiled = compileWorkflow(JSON.stringify(definition));
  return compiled.ok ? [] : compiled.error;
}

const step = (id: string, more: object = {}): object => ({ id, capability: "work", ...more });
const one = (more: object): object => ({ steps: [step("a", more)] });
/** A second step, after one called `fetch`. */
const after = (more: object): object => ({ steps: [step("fetch"), step("b", more)] });

describe("the shape", () => {
  test.each<[string, object, string, string, string | undefined]>([
    ["what is missing", { steps: [{ capability: "work" }] }, "/steps/0/id", 'missing; expected a text such as "fetch"', undefined],
    ["a list that is none", one({ needs: "fetch" }), "/steps/0/needs", 'expected a list such as ["fetch"], got "fetch"', '["fetch"]'],
    ["seconds as a number", one({ timeout: 30 }), "/steps/0/timeout", 'expected a duration such as "30s", got 30; write "30s"', "30s"],
    ["a duration in words", one({ timeout: "2 minutes" }), "/steps/0/timeout", 'got "2 minutes"; write "2m"', "2m"],
    ["a number of attempts", one({ retry: 3 }), "/steps/0/retry", "got 3; write", '{"max_attempts":3}'],
    ["an id with a space", { steps: [step("a b")] }, "/steps/0/id", 'got "a b"; write "a_b"', "a_b"],
    ["a condition that is no text", one({ when: true }), "/steps/0/when", 'got true; write "true"', "true"],
    ["a word of another language", one({ run_if: "all_done" }), "/steps/0/run_if", 'did you mean "all_settled"?', "all_settled"],
    [
      "one of several shapes",
      one({ on_error: "ignore" }),
      "/steps/0/on_error",
      'expected "fail", "continue", or an object such as',
      "continue",
    ],
    ["an empty list", { steps: [] }, "/steps", "expected a list that is not empty", undefined],
    ["too small a number", one({ retry: { max_attempts: 0 } }), "/steps/0/retry/max_attempts", "expected at least 1, got 0", undefined],
    ["a misspelt field", one({ timeot: "1s" }), "/steps/0/timeot", 'unknown field; did you mean "timeout"?', "timeout"],
    ["a field in another case", one({ runIf: "all_settled" }), "/steps/0/runIf", 'did you mean "run_if"?', "run_if"],
    ["a field of another language", one({ depends_on: ["b"] }), "/steps/0/depends_on", 'did you mean "needs"?', "needs"],
    ["one deep inside", one({ retry: { maxDelay: "1s" } }), "/steps/0/retry/maxDelay", 'did you mean "max_delay"?', "max_delay"],
    ["one that is there already", one({ needs: [], depends_on: [] }), "/steps/0/depends_on", 'what "needs" says', undefined],
    [
      "one of which nothing is known",
      one({ retry: { zzz: 1 } }),
      "/steps/0/retry/zzz",
      "expected max_attempts, strategy, delay",
      undefined,
    ],
    ["a field of one other kind", one({ over: "input.x" }), "/steps/0/over", "only steps of the type map have it", '"type": "map"'],
    [
      "a kind that was forgotten",
      { steps: [{ id: "a", over: "input.x", steps: [step("b")] }] },
      "/steps/0/steps",
      'did you mean the type "map"?',
      '"type": "map"',
    ],
    ["a kind that goes by another name", { steps: [{ id: "a", type: "human_approval" }] }, "/steps/0/type", "got", "approval"],
    ["a kind that is two", { steps: [{ id: "a", type: "parallel" }] }, "/steps/0/type", "run side by side anyway", "map"],
    ["a word that every object knows", one({ constructor: 1 }), "/steps/0/constructor", "unknown field; expected id", undefined],
  ])("%s", (_, definition, pointer, message, suggestion) => {
    const faults = faultsOf(definition).filter((fault) => fault.pointer === pointer);
    expect(faults).toMatchObject([{ message: expect.stringContaining(message) }]);
    expect(faults[0]?.suggestion).toBe(suggestion);
  });

  test("of one of several is told as of the one that was meant", () => {
    expect(faultsOf(one({ fallback: [{ agnt: "x" }] }))).toMatchObject([
      { pointer: "/steps/0/fallback/0/agent", message: "missing; expected a text" },
      { pointer: "/steps/0/fallback/0/agnt", suggestion: "agent" },
    ]);
    expect(faultsOf({ steps: [step("a")], on_completed: { workflw: "x" } })).toMatchObject([
      { pointer: "/on_completed/workflow" },
      { pointer: "/on_completed/workflw", suggestion: "workflow" },
    ]);
  });

  test("does not hide what else is wrong elsewhere", () => {
    const faults = faultsOf({
      steps: [step("a", { timeot: "1s", when: "1 +" }), step("b", { needs: ["c", "d"] }), step("c", { needs: ["b"] })],
    });
    expect(faults.map(({ code, pointer }) => `${code} ${pointer}`)).toEqual([
      "invalid_request /steps/0/timeot",
      "unknown_need /steps/1/needs/1",
      "workflow_cycle /steps/1",
    ]);
  });
});

describe("references", () => {
  test.each<[string, object, string, string, string | undefined]>([
    ["a need", after({ needs: ["fecth"] }), "unknown_need", 'did you mean "fetch"?', "fetch"],
    ["a need that is like none", after({ needs: ["publish"] }), "unknown_need", "expected one of fetch", undefined],
    ["an expression", after({ input: "${ steps.fecth.output }" }), "unknown_reference", 'did you mean "fetch"?', "steps.fetch.output"],
    ["a field of a step", after({ input: "${ steps.fetch.result.n }" }), "unknown_reference", "did you mean", "steps.fetch.output.n"],
    ["a field of its output", after({ input: "${ steps.fetch.n }" }), "unknown_reference", "did you mean", "steps.fetch.output.n"],
    ["a step by its id alone", after({ input: "${ fetch.output.n }" }), "unknown_reference", "steps.<id>", "steps.fetch.output.n"],
    ["a name in a text", after({ input: "On ${ inputs.n }." }), "unknown_reference", "did you mean", "input.n"],
    [
      "a step inside another",
      { steps: [{ id: "each", type: "map", over: [1], steps: [step("inner")] }, step("b", { when: "steps.inner.output" })] },
      "inner_reference",
      "from here read steps.each.output",
      "steps.each.output",
    ],
    [
      "a need of one",
      { steps: [{ id: "each", type: "map", over: [1], steps: [step("inner")] }, step("b", { needs: ["inner"] })] },
      "unknown_need",
      'from here need "each"',
      "each",
    ],
  ])("%s", (_, definition, code, message, suggestion) => {
    const faults = faultsOf(definition);
    expect(faults).toMatchObject([{ code, message: expect.stringContaining(message) }]);
    expect(faults[0]?.suggestion).toBe(suggestion);
  });
});

describe("an expression in another language", () => {
  test.each([
    ["input.n === 1", "input.n == 1"],
    ["input.n = 1", "input.n == 1"],
    ["input.a and not input.b", "input.a && !input.b"],
    ["input.a == 'this and that' or input.b", "input.a == 'this and that' || input.b"],
    ["len(input.items) > 0", "size(input.items) > 0"],
    ["{{ input.n }} > 1", "input.n > 1"],
    ["input.n is not None", "input.n != null"],
    ["input.text.includes('x')", "input.text.contains('x')"],
  ])("%s", (written, meant) => {
    expect(faultsOf(one({ when: written }))).toMatchObject([{ code: "invalid_expression", pointer: "/steps/0/when", suggestion: meant }]);
  });

  test("that says nothing else gets an example", () => {
    const [fault] = faultsOf(one({ when: "input.n >" }));
    expect(fault?.message).toContain("expressions are CEL, such as");
    expect(fault).not.toHaveProperty("suggestion");
  });
});

describe("what is very much", () => {
  const many = (count: number, written: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => written(index)).join(",");
  const pointersOf = (text: string): readonly string[] => {
    const compiled = compileWorkflow(text);
    return compiled.ok ? [] : compiled.error.map(({ pointer }) => pointer);
  };

  test("a hundred faults are told of however many unknown fields, of a step and of the whole", () => {
    const fields = many(100_000, (index) => `"k${index}":1`);
    const ofStep = pointersOf(`{"steps":[{"id":"a","type":"transform","output":1,${fields}}]}`);
    expect([ofStep.length, ofStep[0], ofStep[99]]).toEqual([100, "/steps/0/k0", "/steps/0/k99"]);
    const ofAll = pointersOf(`{"steps":[{"id":"a","type":"transform","output":1}],${fields}}`);
    expect([ofAll.length, ofAll[99]]).toEqual([100, "/k99"]);
  });

  test("a list that is too long is one fault, wherever it is, whatever is in it", () => {
    const ones = many(1_000_000, () => "1");
    const step = '"id":"a","type":"transform","output":1';
    expect(pointersOf(`{"steps":[${ones}]}`)).toEqual(["/steps"]);
    expect(pointersOf(`{"steps":[{${step},"needs":[${ones}]}]}`)).toEqual(["/steps/0/needs"]);
    expect(pointersOf(`{"steps":[{${step}}],"on_failed":[${ones}]}`)).toEqual(["/on_failed"]);
    const inner = `{"id":"m","type":"map","over":"input","steps":[{${step},"needs":[${ones}]}]}`;
    expect(pointersOf(`{"steps":[${inner}]}`)).toEqual(["/steps/0/steps/0/needs"]);
  });

  test("lists that are too long together are one fault", () => {
    const needs = many(10_000, () => "1");
    const steps = many(60, (index) => `{"id":"s${index}","type":"transform","output":1,"needs":[${needs}]}`);
    expect(pointersOf(`{"steps":[${steps}]}`)).toEqual(["/steps/49/needs"]);
  });

  test("values that an author writes out may be as long as they like", () => {
    const ones = many(1_000_000, () => "1");
    expect(pointersOf(`{"steps":[{"id":"a","type":"transform","output":[${ones},"\${ input }"]}]}`)).toEqual([]);
  });
});
