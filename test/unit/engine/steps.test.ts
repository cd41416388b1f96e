import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { completes, fails, failsForGood, given, step } from "./scenario.ts";

describe("order", () => {
  test("steps that need nothing start at once, the others when what they need has completed", () => {
    const task = given([step("a"), step("b"), step("c", { needs: ["a", "b"] })]);
    task.then("task.created", "task.started", "step.started a", "attempt.started a#1", "step.started b", "attempt.started b#1");
    task.when(completes("a")).then("step.completed a#1");
    task.when(completes("b")).then("step.completed b#1", "step.started c", "attempt.started c#1");
    task.when(completes("c")).then("step.completed c#1", "task.completed");
    expect(task.status).toBe("completed");
  });

  test("a reference in an expression is a need", () => {
    const task = given([step("a"), step("b", { input: "${ steps.a.output.n }" })]);
    expect(task.steps()).toEqual(["running", "pending"]);
    task.when(completes("a", { n: 1 })).then("step.completed a#1", "step.started b", "attempt.started b#1");
  });

  test("replies that come together are one flush, in their order", () => {
    const task = given([step("a"), step("b"), step("c", { needs: ["a", "b"] })]);
    task.when(completes("b"), completes("a")).then("step.completed b#1", "step.completed a#1", "step.started c", "attempt.started c#1");
  });
});

describe("run_if", () => {
  const outcomes = { completed: completes("a"), failed: failsForGood("a") };
  test.each([
    ["all_completed", "completed", "running"],
    ["all_completed", "failed", "skipped"],
    ["all_settled", "completed", "running"],
    ["all_settled", "failed", "running"],
    ["none_failed", "completed", "running"],
    ["none_failed", "failed", "skipped"],
    ["any_completed", "completed", "running"],
    ["any_completed", "failed", "skipped"],
    ["any_failed", "completed", "skipped"],
    ["any_failed", "failed", "running"],
  ] as const)("%s: after its only need %s the step is %s", (run_if, outcome, expected) => {
    const task = given([step("a"), step("b", { needs: ["a"], run_if })]).when(outcomes[outcome]);
    expect(task.steps()[1]).toBe(expected);
  });

  test("none_failed takes a skipped need for fine, all_completed does not", () => {
    const task = given([
      step("a"),
      step("skipped", { when: "false" }),
      step("b", { needs: ["a", "skipped"], run_if: "none_failed" }),
      step("c", { needs: ["a", "skipped"] }),
    ]);
    task.when(completes("a"));
    expect(task.steps()).toEqual(["completed", "skipped", "running", "skipped"]);
  });

  describe("a step that is skipped because of a failure is a failure to those that need it", () => {
    const chain = (b: object, ...last: readonly string[]) => [
      step("a"),
      step("b", { needs: ["a"], ...b }),
      step("between", { needs: ["b"] }),
      ...last.map((run_if) => step(run_if, { needs: ["between"], run_if })),
    ];
    const all = ["none_failed", "any_failed", "all_settled", "any_completed"];

    test("however many are skipped in between", () => {
      const task = given(chain({}, ...all)).when(failsForGood("a"));
      expect(task.steps().slice(3)).toEqual(["skipped", "running", "running", "skipped"]);
      expect(task.replayed().divergence).toBeNull();
    });

    test("whichever of the ways not to run it took", () => {
      for (const run_if of ["none_failed", "any_completed"]) {
        const task = given(chain({ run_if }, ...all)).when(failsForGood("a"));
        expect(task.steps().slice(3)).toEqual(["skipped", "running", "running", "skipped"]);
      }
    });

    test("also where the failure does not fail the task", () => {
      const task = given([step("a", { on_error: "continue" }), ...chain({}, ...all).slice(1)]).when(failsForGood("a"));
      expect(task.steps().slice(3)).toEqual(["skipped", "running", "running", "skipped"]);
    });

    test("not where it was skipped for another reason", () => {
      const skips = given(chain({ when: "false" }, ...all)).when(completes("a"));
      expect(skips.steps().slice(3)).toEqual(["running", "skipped", "running", "skipped"]);
      const waitsForFailure = given(chain({ run_if: "any_failed" }, ...all)).when(completes("a"));
      expect(waitsForFailure.steps().slice(3)).toEqual(["running", "skipped", "running", "skipped"]);
      const byCondition = given(chain({ run_if: "all_settled", when: "steps.a.status == 'completed'" }, ...all)).when(failsForGood("a"));
      expect(byCondition.steps().slice(3)).toEqual(["running", "skipped", "running", "skipped"]);
    });

    test("and what it is behind of may be a block or a task of its own", () => {
      const last = ["none_failed", "any_failed"].map((run_if) => step(run_if, { needs: ["between"], run_if }));
      const pick = { id: "pick", type: "switch", cases: [{ when: "true", steps: [step("x")] }] };
      const routed = given([pick, step("between", { needs: ["pick"] }), ...last]).when(failsForGood("pick[0]/x"));
      expect(routed.steps().slice(2, 4)).toEqual(["skipped", "running"]);
      const nested = given([{ id: "sub", type: "workflow", workflow: "study" }, step("between", { needs: ["sub"] }), ...last]);
      nested.when({ type: "child", task: "task_sub_0", status: "failed", output: null, error: null, failedItems: 0 });
      expect(nested.steps().slice(2)).toEqual(["skipped", "running"]);
      const after = given([step("a"), { ...pick, needs: ["a"] }, ...last.map((one) => ({ ...one, needs: ["pick"] }))]);
      expect(after.when(failsForGood("a")).steps().slice(2)).toEqual(["skipped", "running"]);
    });

    test("is none in a task that began when it was none", () => {
      const task = given(chain({}, ...all), { rules: 0 }).when(failsForGood("a"));
      expect(task.steps().slice(3)).toEqual(["running", "skipped", "running", "skipped"]);
      expect(task.replayed().divergence).toBeNull();
    });
  });

  test("any_completed starts at the first completion, and the rest goes on reading as pending", () => {
    const task = given([
      step("a"),
      step("b"),
      step("c", { needs: ["a", "b"], run_if: "any_completed", input: "${ steps.a.status } ${ steps.b.status }" }),
    ]);
    task.when(completes("a")).then("step.completed a#1", "step.started c", "attempt.started c#1");
    task.when(completes("b")).then("step.completed b#1");
  });

  test("any_failed starts at the first failure without waiting for the others", () => {
    const task = given([step("a"), step("b"), step("c", { needs: ["a", "b"], run_if: "any_failed" })]);
    task.when(failsForGood("a")).then("attempt.failed a#1 (boom)", "step.failed a (boom)", "step.started c", "attempt.started c#1");
  });
});

describe("when", () => {
  test("false skips the step and tells why", () => {
    const task = given([step("a"), step("b", { when: "steps.a.output.n > 3" })]);
    task.when(completes("a", { n: 3 })).then("step.completed a#1", "step.skipped b (when)", "task.completed");
  });

  test("true runs it", () => {
    given([step("a", { when: "input.n == 1" })], { input: { n: 1 } }).then(
      "task.created",
      "task.started",
      "step.started a",
      "attempt.started a#1",
    );
  });

  test("an error fails the step without a retry", () => {
    const task = given([step("a", { when: "input.missing > 1" })]);
    task.then("task.created", "step.failed a (expression_error)", "task.failed (expression_error)");
    expect(task.view().error?.message).toContain("input.missing");
    expect(task.view().error?.message).toContain("has()");
  });

  test("something other than true or false fails the step", () => {
    const task = given([step("a", { when: "input.n" })], { input: { n: 3 } });
    expect(task.view().steps[0]?.error?.message).toContain("expected true or false, got 3");
  });

  test("on_error applies to a condition that cannot be evaluated", () => {
    const task = given([step("a", { when: "input.missing", on_error: { output: "fallback" } })], { output: "${ steps.a.output }" });
    expect(task.state.end).toMatchObject({ status: "completed", output: { value: "fallback" } });
  });
});

describe("failure", () => {
  test("a retryable failure is tried again after a pause, as often as the policy says", () => {
    const task = given([step("a", { retry: { max_attempts: 3, delay: "1s", strategy: "fixed", jitter: "none" } })]);
    task.when(fails("a")).then("attempt.failed a#1 (boom)", "step.retry_scheduled a#2");
    expect(task.steps()).toEqual(["retrying"]);
    task.after(999).then();
    task.after(1).then("attempt.started a#2");
    task
      .when(fails("a", {}, 2))
      .after(1_000)
      .then("attempt.started a#3");
    task.when(fails("a", {}, 3)).then("attempt.failed a#3 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("a failure that is not retryable ends the step at once", () => {
    given([step("a")])
      .when(failsForGood("a"))
      .then("attempt.failed a#1 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("so does a code that the policy names", () => {
    given([step("a", { retry: { non_retryable: ["boom"] } })])
      .when(fails("a"))
      .then("attempt.failed a#1 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("what the agent asked for is the least it gets", () => {
    const task = given([step("a", { retry: { delay: "1ms", jitter: "none" } })]).when(fails("a", { retry_after_ms: 60_000 }));
    task.after(59_999).then();
    task.after(1).then("attempt.started a#2");
  });

  test("whatever can still run runs, then the task has failed", () => {
    const task = given([step("a"), step("b"), step("c", { needs: ["a"] })]);
    task.when(failsForGood("a")).then("attempt.failed a#1 (boom)", "step.failed a (boom)", "step.skipped c (needs)");
    expect(task.status).toBe("running");
    task.when(completes("b")).then("step.completed b#1", "task.failed (boom)");
    expect(task.view().error).toMatchObject({ code: "boom", step_id: "a" });
  });

  test("fail_fast cancels the rest", () => {
    const task = given([step("a"), step("b"), step("c", { needs: ["b"] })], { failFast: true });
    task.when(failsForGood("a"));
    task.then(
      "attempt.failed a#1 (boom)",
      "step.failed a (boom)",
      "step.canceled b (fail_fast)",
      "step.canceled c (fail_fast)",
      "task.failed (boom)",
    );
    expect(task.last.commands.slice(1)).toMatchObject([{ type: "abandon", step: "b", attempt: 1, reason: "fail_fast" }]);
  });

  test('on_error "continue": the step has failed, the task has not', () => {
    const task = given([
      step("a", { on_error: "continue" }),
      step("b", { needs: ["a"], run_if: "all_settled", input: "${ steps.a.error.code }" }),
    ]);
    task.when(failsForGood("a"), completes("b"));
    expect(task.view()).toMatchObject({ status: "completed", steps: [{ status: "failed" }, { status: "completed" }] });
  });

  test("on_error with an output: the step completes, degraded", () => {
    const task = given([step("a", { on_error: { output: { from: "${ input.x }" } } }), step("b", { needs: ["a"] })], { input: { x: 7 } });
    task.when(failsForGood("a")).then("attempt.failed a#1 (boom)", "step.completed a", "step.started b", "attempt.started b#1");
    expect(task.view().steps[0]).toMatchObject({ status: "completed", degraded: { code: "boom" }, error: null });
  });

  test("an input that cannot be evaluated fails the step before any attempt", () => {
    const task = given([step("a"), step("b", { input: "${ steps.a.output.items[3] }" })]);
    task
      .when(completes("a", { items: [1] }))
      .then("step.completed a#1", "step.failed b (expression_error)", "task.failed (expression_error)");
    expect(task.view().steps[1]).toMatchObject({ attempts: 0 });
  });
});

describe("values", () => {
  test("one that is too large to stay in memory can be read by the transition that records it", () => {
    const task = given([step("a"), step("b", { when: "steps.a.output.n == 7" })], { output: "${ steps.a.output.n }" });
    task
      .when({ ...completes("a"), output: { value: { n: 7 }, bytes: 5_000 } } as TaskInput)
      .then("step.completed a#1", "step.started b", "attempt.started b#1");
    expect(task.state.steps[0]?.phase).toMatchObject({ output: { seq: 6, bytes: 5_000 } });
    task.when(completes("b"));
    expect(task.state.end).toMatchObject({ status: "completed", output: { value: 7 } });
  });

  test("so can an input of that size", () => {
    const task = given([step("a", { when: "input.n == 7" })], { input: { n: 7 }, inputBytes: 5_000 });
    expect(task.steps()).toEqual(["running"]);
  });
});

describe("result", () => {
  const endOf = (task: ReturnType<typeof given>): unknown => task.state.end?.output;

  test("without an output: what the steps that nothing needs have put out, if they completed", () => {
    const task = given([step("a"), step("b", { needs: ["a"] }), step("c", { needs: ["a"], when: "false" })]);
    expect(endOf(task.when(completes("a"), completes("b", 2)))).toEqual({ value: { b: 2 } });
  });

  test("with an output: what it says", () => {
    const task = given([step("a")], { output: { total: "${ steps.a.output.n * 2 }", input: "${ input.x }" }, input: { x: "y" } });
    expect(endOf(task.when(completes("a", { n: 21 })))).toEqual({ value: { total: 42, input: "y" } });
  });

  test("an output that cannot be evaluated fails the task and says so", () => {
    const task = given([step("a")], { output: "${ steps.a.output.missing }" }).when(completes("a"));
    expect(task.status).toBe("failed");
    expect(task.view().error).toMatchObject({ code: "expression_error" });
  });
});
