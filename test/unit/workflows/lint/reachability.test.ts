import { describe, expect, test } from "vitest";
import { lint, step, steps, told } from "./linting.ts";

const skipped = step("a", { when: "false" });
const rescued = step("a", { on_error: { output: null } });
const end = (id: string, more: object = {}): object => ({ id, type: "end", ...more });
const oneCase = (when: string, more: object = {}): object => ({
  id: "sw",
  type: "switch",
  cases: [{ when, steps: [step("x")] }],
  ...more,
});

describe("a step that can never run", () => {
  test.each<[string, object, string]>([
    ["needs one that is always skipped", steps(skipped, step("b", { needs: ["a"] })), '"a", which is always skipped'],
    [
      "needs one that ends the task",
      steps(step("a"), end("stop", { needs: ["a"] }), step("b", { needs: ["stop"] })),
      "which ends the task",
    ],
    ["waits for a failure that cannot be", steps(rescued, step("b", { needs: ["a"], run_if: "any_failed" })), "nothing of it can"],
    [
      "may follow no failure, and comes after what always fails or is skipped because of it",
      steps(
        { id: "r", type: "repeat", max: 2, until: "1 > 2", steps: [{ id: "t", type: "transform", output: 1 }] },
        step("b", { needs: ["r"], run_if: "none_failed" }),
        step("c", { needs: ["b"], run_if: "none_failed" }),
        step("d", { needs: ["b"], run_if: "any_failed" }),
      ),
      "to complete, which it never does",
    ],
    [
      "waits for one of several that are all skipped",
      steps(skipped, step("c", { when: "1 > 2" }), step("b", { needs: ["a", "c"], run_if: "any_completed" })),
      "nothing of it can",
    ],
    [
      "comes after a block in which the task always ends",
      steps(
        { id: "sw", type: "switch", cases: [{ when: "1 < 2", steps: [end("one")] }], default: { steps: [end("two")] } },
        step("b", { needs: ["sw"] }),
      ),
      "in which the task always ends",
    ],
    [
      "comes after what always fails",
      steps(
        { id: "r", type: "repeat", max: 2, until: "1 > 2", steps: [{ id: "t", type: "transform", output: 1 }] },
        step("b", { needs: ["r"] }),
      ),
      "to complete, which it never does",
    ],
  ])("%s", (_, definition, why) => {
    const [warning, ...others] = lint(definition).filter(({ code }) => code === "unreachable_step");
    expect(warning?.message).toContain('"b" can never run');
    expect(warning?.message).toContain(why);
    expect(others).toEqual([]);
  });

  test("is told once for all that need it, and not for what is inside of it", () => {
    const each = { id: "each", type: "map", over: [1], needs: ["b"], steps: [step("inner", { when: "false" })] };
    expect(told(lint(steps(skipped, step("b", { needs: ["a"] }), step("c", { needs: ["b"] }), each)))).toEqual([
      "constant_condition /steps/0/when",
      "unreachable_step /steps/1",
    ]);
  });

  test.each<[string, object]>([
    ["whose need may be skipped", steps(step("a", { when: "input.x" }), step("b", { needs: ["a"] }))],
    ["that acts on a failure", steps(step("a"), step("b", { needs: ["a"], run_if: "any_failed" }))],
    [
      "whose rescue may fail",
      steps(step("a", { on_error: { output: "${ input.x.y }" } }), step("b", { needs: ["a"], run_if: "any_failed" })),
    ],
    ["that runs whatever the skipped one says", steps(step("a", { when: "input.x" }), step("b", { needs: ["a"], run_if: "all_settled" }))],
    [
      "after an end with a condition",
      steps(step("a"), end("stop", { when: "steps.a.output.bad" }), step("b", { needs: ["stop"], run_if: "none_failed" })),
    ],
    [
      "after a map over nothing that ends the task",
      steps({ id: "m", type: "map", over: "input.x", concurrency: 1, steps: [end("e")] }, step("b", { needs: ["m"] })),
    ],
  ])("is none %s", (_, definition) => expect(lint(definition)).toEqual([]));
});

describe("an end that needs nothing", () => {
  test("ends the task before anything else is done", () => {
    expect(lint(steps(step("a"), step("b", { needs: ["a"] }), end("done")))).toMatchObject([
      { code: "early_end", pointer: "/steps/2", suggestion: '"needs": ["b"]' },
    ]);
  });

  test.each<[string, object]>([
    ["it is alone", steps(oneCase("input.x", { cases: [{ when: "input.x", steps: [end("e")] }] }), step("b"))],
    ["it has a condition", steps(step("a"), end("e", { when: "input.x" }))],
    ["its output reads a step", steps(step("a"), end("e", { output: "${ steps.a.output }" }))],
  ])("is meant where %s", (_, definition) => expect(lint(definition)).toEqual([]));
});

describe("a step that leads nowhere beside an end", () => {
  const ended = (more: object = {}, ...others: object[]): object => steps(step("a"), end("done", { needs: ["a"], ...more }), ...others);

  test("may be cut off, and so may the last of several", () => {
    expect(lint(ended({}, step("x"), step("y", { needs: ["x"] }), step("z", { needs: ["a"] })))).toMatchObject([
      { code: "cut_off_step", pointer: "/steps/3", suggestion: '"needs": ["a","y"]' },
      { code: "cut_off_step", pointer: "/steps/4", message: expect.stringContaining('"done" ends the task') },
    ]);
  });

  test("may be cut off by an end with a condition, too, where nothing of it is read", () => {
    const exit = { when: "steps.a.output.bad" };
    const work = step("work", { needs: ["a"] });
    expect(told(lint({ ...ended(exit, work, step("x")), output: "${ steps.work.output }" }))).toEqual(["cut_off_step /steps/3"]);
    expect(lint({ ...ended(exit, work, step("x")), output: "${ steps.x.output }" })).toEqual([]);
    expect(lint(ended(exit, work, step("x")))).toEqual([]);
  });

  test.each<[string, object]>([
    ["leads to another end", ended({}, step("b"), end("other", { needs: ["b"] }))],
    ["goes on after an end with a condition", ended({ when: "steps.a.output.bad" }, step("b", { needs: ["a"] }))],
    ["goes on where the end is only for a failure", ended({ run_if: "any_failed" }, step("b", { needs: ["a"] }))],
  ])("is none that %s", (_, definition) => expect(lint(definition)).toEqual([]));
});

describe("a need", () => {
  test("that is named twice is told where it is named again", () => {
    const twice = steps(step("a"), step("b"), step("c", { needs: ["a", "b", "a"] }));
    expect(lint(twice)).toMatchObject([{ code: "repeated_need", pointer: "/steps/2/needs/2", message: expect.stringContaining('"a"') }]);
  });
});

describe("a condition that is always the same", () => {
  test.each<[string, object, string, string]>([
    ["always true", steps(step("a", { when: "1 < 2" })), "/steps/0/when", "leave the condition out"],
    ["whatever the input is", steps(step("a", { when: "true || input.x" })), "/steps/0/when", "leave the condition out"],
    ["never", steps(step("a", { when: "false" })), "/steps/0/when", "always skipped"],
    ["in a case", steps(oneCase("1 > 2", { default: { steps: [step("y")] } })), "/steps/0/cases/0/when", "never chosen"],
    ["until never", steps({ id: "r", type: "repeat", max: 3, until: "false", steps: [step("x")] }), "/steps/0/until", 'leave "until" out'],
    ["until always", steps({ id: "r", type: "repeat", max: 3, until: "true", steps: [step("x")] }), "/steps/0/until", "only one iteration"],
    ["of a signal", steps({ id: "s", type: "signal", name: "go", match: "1 > 2" }), "/steps/0/match", "no signal is ever taken"],
  ])("%s", (_, definition, pointer, message) => {
    expect(lint(definition)).toMatchObject([{ code: "constant_condition", pointer, message: expect.stringContaining(message) }]);
  });

  test("hides the cases after it", () => {
    const cases = [
      { when: "input.x", steps: [step("p")] },
      { when: "true", steps: [step("q")] },
      { when: "input.y", steps: [step("r")] },
    ];
    expect(told(lint(steps({ id: "sw", type: "switch", cases, default: { steps: [step("s")] } })))).toEqual([
      "unreachable_case /steps/0/cases/2",
    ]);
    expect(told(lint(steps({ id: "sw", type: "switch", cases: cases.slice(0, 2), default: { steps: [step("s")] } })))).toEqual([
      "unreachable_case /steps/0/default",
    ]);
    // The last of all is what others write for a default.
    expect(lint(steps({ id: "sw", type: "switch", cases: cases.slice(0, 2) }))).toEqual([]);
  });
});

describe("a condition on what cannot be by then", () => {
  const failed = "steps.a.status == 'failed'";
  const two = (more: object): object => steps(step("a"), step("c"), step("b", { needs: ["a", "c"], ...more }));

  test.each<[string, object]>([
    ["on a failure", steps(step("a"), step("b", { when: failed }))],
    ["on an error", steps(step("a"), step("b", { when: "steps.a.error != null" }))],
    ["on anything but completion", steps(step("a"), step("b", { when: "steps.a.status != 'completed'" }))],
    ["beside what is not known", steps(step("a"), step("b", { when: `input.strict && ${failed}` }))],
    ["in a list", steps(step("a"), step("b", { when: "steps.a.status in ['failed', 'skipped']" }))],
    ["when none may have failed", steps(step("a"), step("b", { run_if: "none_failed", when: failed }))],
    ["when the only one has completed", steps(step("a"), step("b", { run_if: "any_completed", when: failed }))],
    ["of an error that is none by then", steps(step("a"), step("b", { when: "steps.a.error.code == 'timeout'" }))],
  ])("%s", (_, definition) => {
    const [warning, ...others] = lint(definition);
    expect(warning).toMatchObject({ code: "condition_never_holds", pointer: "/steps/1/when", suggestion: '"run_if": "all_settled"' });
    expect(others).toEqual([]);
  });

  test.each(["steps.a.error.status == 503", "has(steps.a.error.step_id)", "steps.a.error.?by.orValue('') == 'agent'"])(
    "is not told of what a failure may say: %s",
    (when) => expect(lint(steps(step("a"), step("b", { needs: ["a"], run_if: "any_failed", when })))).toEqual([]),
  );

  test("is told of one that always completes, too", () => {
    const definition = steps(rescued, step("b", { run_if: "all_settled", when: failed }));
    expect(lint(definition)).toMatchObject([{ code: "condition_never_holds", message: expect.stringContaining('"a" cannot be so') }]);
  });

  test("inside a block goes by what the block needs", () => {
    const each = (more: object): object => ({ id: "each", type: "map", over: [1], steps: [step("b", { when: failed })], ...more });
    expect(told(lint(steps(step("a"), each({}))))).toEqual(["condition_never_holds /steps/1/steps/0/when"]);
    expect(lint(steps(step("a"), each({ run_if: "all_settled" })))).toEqual([]);
  });

  test("in an iteration that has not failed", () => {
    const repeat = (more: object): object => steps({ id: "r", type: "repeat", max: 3, until: failed, steps: [step("a", more)] });
    expect(lint(repeat({}))).toMatchObject([{ code: "condition_never_holds", message: expect.stringContaining('"on_error": "continue"') }]);
    expect(lint(repeat({ on_error: "continue" }))).toEqual([]);
  });

  test.each<[string, object]>([
    ["with all_settled", steps(step("a"), step("b", { run_if: "all_settled", when: failed }))],
    ["with any_completed of several", two({ run_if: "any_completed", when: failed })],
    ["with any_failed of several", two({ run_if: "any_failed", when: failed })],
    ["that holds anyway", steps(step("a"), step("b", { when: "steps.a.status == 'completed'" }))],
    ["on the output", steps(step("a"), step("b", { when: "steps.a.output.n > 1" }))],
    ["or another one", steps(step("a"), step("b", { when: `${failed} || input.force` }))],
    [
      "on a step that may be skipped",
      steps(step("a", { when: "input.x" }), step("b", { run_if: "none_failed", when: "steps.a.status == 'skipped'" })),
    ],
  ])("is none %s", (_, definition) => expect(lint(definition)).toEqual([]));
});

test("ten thousand steps in a row are looked at without exhausting the stack", () => {
  const row = Array.from({ length: 10_000 }, (_, index) =>
    step(`s${index}`, index > 0 ? { input: `\${ steps.s${index - 1}.output }` } : {}),
  );
  expect(lint(steps(...row))).toEqual([]);
});
