import { describe, expect, test } from "vitest";
import { completes, fails, given, step } from "./scenario.ts";

const answer = (task: ReturnType<typeof given>): unknown => task.last.answers[0];

describe("cancel", () => {
  test("ends the task at once; running attempts are abandoned", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })]).when({ type: "cancel", reason: "changed my mind" });
    task.then("step.canceled a (task_canceled)", "step.canceled b (task_canceled)", "task.canceled (changed my mind)");
    expect(task.last.commands).toMatchObject([{ type: "abandon", step: "a", attempt: 1, reason: "task_canceled" }]);
  });

  test("again: nothing happens, and that is fine", () => {
    const task = given([step("a")]).when({ type: "cancel" });
    task.when({ type: "cancel" }).then();
    expect(answer(task)).toEqual({ ok: true, value: "unchanged" });
  });

  test("after another end: refused with the status", () => {
    const task = given([step("a")]).when(completes("a"));
    task.when({ type: "cancel" }).then();
    expect(answer(task)).toMatchObject({ ok: false, error: { code: "invalid_state", facts: { task_status: "completed" } } });
  });
});

describe("pause and resume", () => {
  test("nothing new starts; replies are recorded; resuming catches up", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })])
      .when({ type: "pause" })
      .then("task.paused");
    task.when(completes("a")).then("step.completed a#1");
    expect(task.status).toBe("paused");
    task.after(3_600_000).then();
    task.when({ type: "resume" }).then("task.resumed", "step.started b", "attempt.started b#1");
  });

  test("a retry that falls due during the pause starts when the task is resumed", () => {
    const task = given([step("a", { retry: { delay: "1s", jitter: "none" } })]).when(fails("a"), { type: "pause" });
    task.after(5_000).then();
    task.when({ type: "resume" }).then("task.resumed", "attempt.started a#2");
  });

  test("a paused task whose last step settles ends", () => {
    const task = given([step("a")]).when({ type: "pause" }, completes("a"));
    expect(task.status).toBe("completed");
  });

  test("pausing a paused task and resuming a running one are refused with the status", () => {
    const task = given([step("a")]).when({ type: "resume" });
    expect(answer(task)).toMatchObject({ ok: false, error: { code: "invalid_state", facts: { task_status: "running" } } });
    task.when({ type: "pause" }).when({ type: "pause" });
    expect(answer(task)).toMatchObject({ ok: false, error: { facts: { task_status: "paused" } } });
  });

  test("a waiting task can be paused", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"] }).when({ type: "pause" });
    expect(task.status).toBe("paused");
    task.missing.clear();
    task.after(600_000).then();
    task.when({ type: "resume" }).then("task.resumed", "task.started", "step.started a", "attempt.started a#1");
  });
});

test("a finished task never moves, whatever comes", () => {
  const task = given([step("a"), step("b")]).when(completes("a"), completes("b"));
  task
    .when({ type: "wake" }, { type: "look" }, { type: "pause" }, { type: "resume" }, completes("a"), fails("b"), {
      type: "claim",
      step: "a",
      attempt: 1,
      delivery: 9,
    })
    .then();
  task.when({ type: "archive", parts: 1, bytes: 10 }).then("task.archived");
  task.when({ type: "archive", parts: 1, bytes: 10 }).then();
});
