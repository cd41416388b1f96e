/** What a task has done is undone when it fails or is canceled after it, the last thing first. */
import { describe, expect, test } from "vitest";
import { completes, fails, failsForGood, given, step, type Scenario } from "./scenario.ts";

const undoable = (id: string, more: Record<string, unknown> = {}) =>
  step(id, { ...more, compensate: { capability: "work", input: { undo: `\${ steps.${id}.output.${id} }` } } });
const completed = (id: string) => completes(id, { [id]: 1 });

const trip = () => given([undoable("flight"), undoable("hotel", { needs: ["flight"] }), step("pay", { needs: ["hotel"] })]);
const booked = (): Scenario => trip().when(completed("flight")).when(completed("hotel"));

describe("a task that fails", () => {
  test("undoes what it completed, in the reverse order, one after the other, and then has failed", () => {
    const task = booked().when(failsForGood("pay"));
    task.then(
      "attempt.failed pay#1 (boom)",
      "step.failed pay (boom)",
      "task.ending (boom)",
      "compensation.started hotel",
      "step.started hotel~undo",
      "attempt.started hotel~undo#1",
    );
    expect(task.view()).toMatchObject({ status: "running", ending: "failed", error: { code: "boom", step_id: "pay" }, finished_at: null });
    task
      .when(completes("hotel~undo"))
      .then(
        "step.completed hotel~undo#1",
        "compensation.completed hotel",
        "compensation.started flight",
        "step.started flight~undo",
        "attempt.started flight~undo#1",
      );
    task.when(completes("flight~undo")).then("step.completed flight~undo#1", "compensation.completed flight", "task.failed (boom)");
    expect(task.view()).toMatchObject({
      status: "failed",
      error: { code: "boom" },
      compensations: [
        { step_id: "hotel", status: "completed" },
        { step_id: "flight", status: "completed" },
      ],
    });
    expect(task.view().ending).toBeUndefined();
  });

  test("undoes a step with what the step came to", () => {
    const task = booked().when(failsForGood("pay"));
    expect(task.asked.at(-1)).toEqual({ type: "capability", capability: "work" });
    expect(task.rebuilt().steps.map(({ path }) => path)).toEqual(["flight", "hotel", "pay", "hotel~undo"]);
  });

  test("tries to undo again as often as the policy says, and goes on with the others if that fails", () => {
    const task = booked().when(failsForGood("pay")).when(fails("hotel~undo"));
    task.then("attempt.failed hotel~undo#1 (boom)", "step.retry_scheduled hotel~undo#2");
    task.untilWake().when(fails("hotel~undo", { code: "gone", retryable: false }, 2));
    expect(task.last.events.map(({ type }) => type)).toContain("compensation.failed");
    task.when(completes("flight~undo"));
    expect(task.view()).toMatchObject({
      status: "failed",
      error: { code: "boom" },
      compensations: [{ status: "failed", error: { code: "gone" } }, { status: "completed" }],
    });
  });

  test("undoes nothing that did not complete, or that has an output in its place", () => {
    const task = given([
      undoable("a"),
      undoable("b", { on_error: { output: {} } }),
      undoable("c", { on_error: "continue" }),
      step("d", { needs: ["a", "b"] }),
    ]);
    task.when(completed("a")).when(failsForGood("b")).when(failsForGood("c")).when(failsForGood("d"));
    expect(task.state.compensations.map(({ step: path }) => path)).toEqual(["a"]);
  });

  test("undoes the steps inside others too", () => {
    const book = { ...step("book"), compensate: { capability: "work", input: "${ item }" } };
    const task = given([{ id: "each", type: "map", over: ["x", "y"], steps: [book] }, step("last", { needs: ["each"] })]);
    task.when(completes("each[1]/book")).when(completes("each[0]/book")).when(failsForGood("last"));
    expect(task.state.compensations).toMatchObject([{ step: "each[0]/book" }]);
    task.when(completes("each[0]/book~undo")).when(completes("each[1]/book~undo"));
    expect(task.view()).toMatchObject({ status: "failed", compensations: [{ step_id: "each[0]/book" }, { step_id: "each[1]/book" }] });
  });
});

describe("a task that is canceled", () => {
  test("is canceled once it has undone what it did, and stays so however often it is asked", () => {
    const task = booked().when({ type: "cancel", reason: "rain" });
    task.then(
      "step.canceled pay (task_canceled)",
      "task.ending (rain)",
      "compensation.started hotel",
      "step.started hotel~undo",
      "attempt.started hotel~undo#1",
    );
    task.when({ type: "cancel" }).then();
    expect(task.last.answers[0]).toMatchObject({ ok: true });
    task.when(completes("hotel~undo")).when(completes("flight~undo"));
    expect(task.last.events.at(-1)).toEqual({ type: "task.canceled", reason: "rain" });
  });

  test("with nothing to undo is canceled at once", () => {
    trip()
      .when({ type: "cancel" })
      .then(
        "step.canceled flight (task_canceled)",
        "step.canceled hotel (task_canceled)",
        "step.canceled pay (task_canceled)",
        "task.canceled",
      );
  });

  test("because it failed already is refused", () => {
    const task = booked().when(failsForGood("pay")).when({ type: "cancel" });
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "invalid_state" } });
  });
});

test("a task whose deadline passes undoes what it did, however long that takes", () => {
  const task = given([undoable("a"), step("b", { needs: ["a"] })], { deadlineMs: 60_000 }).when(completed("a"));
  task
    .after(60_000)
    .then(
      "step.canceled b (task_timed_out)",
      "task.ending (deadline_exceeded)",
      "compensation.started a",
      "step.started a~undo",
      "attempt.started a~undo#1",
    );
  task.after(600_000).then();
  task.when(completes("a~undo"));
  expect(task.view()).toMatchObject({ status: "timed_out", error: { code: "deadline_exceeded" } });
});

test("undoing waits while the task is paused", () => {
  const task = booked().when(failsForGood("pay")).when({ type: "pause" });
  task.when(completes("hotel~undo")).then("step.completed hotel~undo#1", "compensation.completed hotel");
  task
    .when({ type: "resume" })
    .then("task.resumed", "compensation.started flight", "step.started flight~undo", "attempt.started flight~undo#1");
});

test("a paused task that is canceled goes on, to undo what it did", () => {
  const task = booked().when({ type: "pause" }).when({ type: "cancel", reason: "not any more" });
  task.when(completes("hotel~undo"), completes("flight~undo"));
  expect(task.view()).toMatchObject({ status: "canceled" });
  expect(task.state.compensations.map(({ status }) => status)).toEqual(["completed", "completed"]);
});

test("a task that completes undoes nothing", () => {
  const task = booked().when(completes("pay"));
  expect(task.status).toBe("completed");
  expect(task.state.compensations).toEqual([]);
});

describe("what a task of a step did", () => {
  const nested = [
    undoable("first"),
    { id: "sub", type: "workflow", workflow: "book", needs: ["first"] },
    undoable("then", { needs: ["sub"] }),
    step("last", { needs: ["then"] }),
  ];
  const undo = { steps: [{ path: "room", work: { capability: "free" }, input: 7 }] };
  const ends = (task: string, status: "completed" | "failed", more: object = {}) =>
    ({ type: "child", task, status, output: status === "completed" ? { value: 1 } : null, error: null, failedItems: 0, ...more }) as const;
  const booking = (more: object = { undo: { value: undo } }) =>
    given(nested)
      .when(completed("first"))
      .when(ends("task_sub_0", "completed", more))
      .when(completed("then"));

  test("is undone by a task of its own, in its place in the order", () => {
    const task = booking().when(failsForGood("last")).when(completes("then~undo"));
    task.then("step.completed then~undo#1", "compensation.completed then", "compensation.started sub[0]");
    expect(task.last.commands).toContainEqual({ type: "start_child", step: "sub", branch: 0, task: "task_sub~undo_0" });
    expect(task.state.children.get("task_sub~undo_0")?.undoes).toBeDefined();
    task.when(ends("task_sub~undo_0", "completed"));
    task.then("compensation.completed sub", "compensation.started first", "step.started first~undo", "attempt.started first~undo#1");
    task.when(completes("first~undo"));
    expect(task.view()).toMatchObject({
      status: "failed",
      compensations: [{ step_id: "then" }, { step_id: "sub", status: "completed", task_id: "task_sub~undo_0" }, { step_id: "first" }],
    });
    expect(task.replayed().divergence).toBeNull();
    expect(task.checked().wrong).toBeNull();
  });

  test("and is told where that fails, as all else is undone", () => {
    const task = booking().when(failsForGood("last")).when(completes("then~undo"));
    task.when(ends("task_sub~undo_0", "failed", { error: { code: "undo_unknown", message: "how is not kept", retryable: false } }));
    task.when(completes("first~undo"));
    expect(task.view().compensations?.[1]).toMatchObject({ status: "failed", error: { code: "undo_unknown" } });
    expect(task.status).toBe("failed");
    expect(task.replayed().divergence).toBeNull();
  });

  test("need not be undone where it has nothing to undo", () => {
    const task = booking({}).when(failsForGood("last")).when(completes("then~undo")).when(completes("first~undo"));
    expect(task.view().compensations?.map(({ step_id: id }) => id)).toEqual(["then", "first"]);
  });

  test("is undone as its step says, where that says how", () => {
    const own = [{ id: "sub", type: "workflow", workflow: "book", compensate: { capability: "work" } }, step("last", { needs: ["sub"] })];
    const task = given(own)
      .when(ends("task_sub_0", "completed", { undo: { value: undo } }))
      .when(failsForGood("last"));
    task.when(completes("sub~undo"));
    expect(task.view().compensations).toMatchObject([{ step_id: "sub", status: "completed" }]);
    expect(task.status).toBe("failed");
  });

  test("can be undone still by a task that goes on in the place of this one", () => {
    const before = booking().when(failsForGood("last"));
    before.when(completes("then~undo")).when(ends("task_sub~undo_0", "completed")).when(completes("first~undo"));
    expect(before.past().steps).toEqual([]); // all of it is undone, so all is done again
    const running = booking();
    const task = given(nested, { past: running.past() }).when(failsForGood("last")).when(completes("then~undo"));
    task.then("step.completed then~undo#1", "compensation.completed then", "compensation.started sub[0]");
    expect(task.replayed().divergence).toBeNull();
  });
});
