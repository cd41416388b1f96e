import { describe, expect, test } from "vitest";
import { compileWorkflow } from "../../../src/language/compile.ts";
import { LIMITS } from "../../../src/language/limits.ts";

const faultsOf = (definition: unknown): readonly string[] => {
  const compiled = compileWorkflow(JSON.stringify(definition));
  return compiled.ok ? [] : compiled.error.map(({ code, pointer, message }) => `${code} ${pointer}: ${message}`);
};
const step = (id: string, more: object = {}): object => ({ id, capability: "work", ...more });

describe("a definition is refused with its fault and place", () => {
  test.each<[string, unknown, string]>([
    ["no steps", { steps: [] }, "invalid_request /steps"],
    ["an unknown field", { steps: [step("a", { timeot: "1s" })] }, "invalid_request /steps/0/timeot: unknown field"],
    ["a wrong type", { steps: [step("a", { needs: "b" })] }, "invalid_request /steps/0/needs"],
    ["a bad id", { steps: [step("a b")] }, "invalid_request /steps/0/id: expected letters"],
    ["an id that is too long", { steps: [step("x".repeat(129))] }, "invalid_request /steps/0/id"],
    ["a bad duration", { steps: [step("a", { timeout: "10 s" })] }, "invalid_request /steps/0/timeout: expected a duration"],
    ["no timeout at all", { steps: [step("a", { timeout: "0s" })] }, "invalid_request /steps/0/timeout: expected more than zero"],
    ["a duplicate id", { steps: [step("a"), step("a")] }, 'duplicate_step_id /steps/1/id: "a" is the id of an earlier step'],
    [
      "an unknown need",
      { steps: [step("fetch"), step("b", { needs: ["fecth"] })] },
      'unknown_need /steps/1/needs/0: no step has the id "fecth"; did you mean "fetch"?',
    ],
    ["an unknown reference", { steps: [step("a", { input: { x: ["${ steps.nope.output }"] } })] }, "unknown_reference /steps/0/input/x/0"],
    ["an unknown reference in the output", { steps: [step("a")], output: "${ steps.b.output }" }, "unknown_reference /output"],
    ["a bad condition", { steps: [step("a", { when: "input.n +" })] }, "invalid_expression /steps/0/when"],
    ["a condition that is none", { steps: [step("a", { when: "'yes'" })] }, "invalid_expression /steps/0/when"],
    ["neither capability nor agent", { steps: [{ id: "a" }] }, "invalid_definition /steps/0"],
    ["both of them", { steps: [step("a", { agent: "b" })] }, "invalid_definition /steps/0"],
    ["any_completed without needs", { steps: [step("a", { run_if: "any_completed" })] }, "invalid_definition /steps/0/run_if"],
    ["an unknown run_if", { steps: [step("a", { run_if: "always" })] }, "invalid_request /steps/0/run_if"],
    ["too many attempts", { steps: [step("a", { retry: { max_attempts: 101 } })] }, "invalid_request /steps/0/retry/max_attempts"],
    ["an empty fallback", { steps: [step("a", { on_error: {} })] }, "invalid_request /steps/0/on_error"],
    ["a step kind that is not there", { steps: [{ id: "a", type: "loop" }] }, "invalid_request /steps/0/type: expected one of agent, map"],
    ["a field of another kind", { steps: [step("a", { type: "wait", for: "1s" })] }, "invalid_request /steps/0/capability: unknown field"],
  ])("%s", (_, definition, expected) => expect(faultsOf(definition).join("\n")).toContain(expected));

  test("a circle is shown whole, also through expressions", () => {
    expect(
      faultsOf({ steps: [step("a", { needs: ["c"] }), step("b", { needs: ["a"] }), step("c", { input: "${ steps.b.output }" })] }),
    ).toEqual([expect.stringContaining('workflow_cycle /steps/0: "a" needs "c" needs "b" needs "a"; ')]);
    expect(faultsOf({ steps: [step("a", { needs: ["a"] })] })).toEqual([
      expect.stringContaining('workflow_cycle /steps/0: "a" needs "a"; '),
    ]);
  });

  test("every fault is reported at once", () => {
    expect(faultsOf({ steps: [step("a", { needs: ["x"], when: "1 +" }), step("a")] })).toHaveLength(3);
  });

  test("limits hold", () => {
    expect(faultsOf({ steps: Array.from({ length: LIMITS.steps + 1 }, (_, index) => step(`s${index}`)) }).join()).toContain("/steps");
    const dense = Array.from({ length: 700 }, (_, index) =>
      step(`s${index}`, { needs: Array.from({ length: index }, (_, earlier) => `s${earlier}`) }),
    );
    expect(faultsOf({ steps: dense }).join()).toContain("dependencies");
  });
});

describe("a definition that is fine", () => {
  test("ids may contain dots, dashes and capitals", () =>
    expect(faultsOf({ steps: [step("A.b-c_1"), step("d", { input: '${ steps["A.b-c_1"].output }' })] })).toEqual([]));

  test("ten thousand steps in a chain compile, and deep graphs do not exhaust the stack", () => {
    expect(
      faultsOf({
        steps: Array.from({ length: LIMITS.steps }, (_, index) => step(`s${index}`, index > 0 ? { needs: [`s${index - 1}`] } : {})),
      }),
    ).toEqual([]);
  });

  test("the same text is compiled once", () => {
    const text = JSON.stringify({ steps: [step("once")] });
    const [first, second] = [compileWorkflow(text), compileWorkflow(text)];
    expect(first.ok && second.ok && first.value === second.value).toBe(true);
  });
});
