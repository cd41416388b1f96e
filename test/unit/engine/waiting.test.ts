import { stepViews } from "../../../src/tasks/views/step-view.ts";
import { describe, expect, test } from "vitest";
import { completes, fails, given, step } from "./scenario.ts";

describe("waiting for an agent", () => {
  test("a step that no agent can carry out waits, and says for what", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"] });
    task.then("task.created", "step.waiting a");
    expect(task.last.commands).toEqual([{ type: "refresh_agents" }]);
    expect(task.view()).toMatchObject({ status: "waiting", waiting_on: { type: "agent", capability: "rare", step_id: "a", count: 1 } });
  });

  test("looks come 1, 2, 4 … seconds apart and leave no trace", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"] });
    const pauses = Array.from({ length: 9 }, () => {
      const before = task.now;
      task.untilWake().then();
      return (task.now - before) / 1_000;
    });
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test("a registration that pokes the task starts the step at once", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"] });
    task.missing.clear();
    task.when({ type: "look" }).then("task.started", "step.started a", "attempt.started a#1");
  });

  test("pokes in vain do not add up", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"] });
    for (let poke = 0; poke < 50; poke++) task.when({ type: "look" }).then();
    task.after(1_000);
    expect(task.state.starts.size).toBeLessThan(60);
    task.missing.clear();
    task.untilWake().then("task.started", "step.started a", "attempt.started a#1");
  });

  test("queue_ttl passes before any step has started: the task is rejected", () => {
    const task = given([step("a", { capability: "rare" }), step("b", { needs: ["a"] })], { missing: ["rare"], queueTtlMs: 5_000 });
    task.after(5_000).then("step.canceled a (task_rejected)", "step.canceled b (task_rejected)", "task.rejected (no_agent)");
  });

  test("queue_ttl passes later: the step fails", () => {
    const task = given([step("a"), step("b", { capability: "rare", needs: ["a"] })], { missing: ["rare"], queueTtlMs: 5_000 }).when(
      completes("a"),
    );
    task.after(5_000).then("step.failed b (no_agent)", "task.failed (no_agent)");
  });

  test("on_no_agent fail: the step fails as soon as it is certain", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"], onNoAgent: "fail" });
    task.then("task.created", "step.waiting a");
    task.when({ type: "look" }).then("step.failed a (no_agent)", "task.failed (no_agent)");
  });

  test("while the agents are unknown nothing fails for want of one", () => {
    const task = given([step("a", { capability: "rare" })], { missing: ["rare"], onNoAgent: "fail" });
    task.agentsUnknown = true;
    task.when({ type: "look" }).then();
    task.agentsUnknown = false;
    task.untilWake().then("step.failed a (no_agent)", "task.failed (no_agent)");
  });
});

describe("what a task waits for", () => {
  test("a retry is a timer; of several reasons the one due first is told, with their number", () => {
    const slow = { retry: { delay: "20s", jitter: "none" } };
    const task = given([step("a", slow), step("b", { capability: "rare" })], { missing: ["rare"] }).when(fails("a"));
    expect(task.view()).toMatchObject({ status: "waiting", waiting_on: { type: "agent", step_id: "b", count: 2 } });
    task.after(40_000);
    expect(task.view().status).toBe("running");
  });

  test("a task with anything in flight is running, not waiting", () => {
    const task = given([step("a"), step("b", { capability: "rare" })], { missing: ["rare"] });
    expect(task.view()).toMatchObject({ status: "running", waiting_on: null });
    task.when(completes("a"));
    expect(task.view().status).toBe("waiting");
  });
});

test("what waits for an agent says until when it does, however long ago it looked last", () => {
  const task = given([step("a")], { missing: ["work"], queueTtlMs: 3_600_000 });
  const until = new Date(task.now + 3_600_000).toISOString();
  expect(task.view().waiting_on).toMatchObject({ type: "agent", until });
  expect(stepViews(task.rebuilt(), 0, 1)[0]?.waiting_on).toMatchObject({ type: "agent", until });
});

test("who has taken an attempt away with a promise to call back is seen, and until when", () => {
  const task = given([step("a", { timeout: "2m" })]).when({ type: "accept", step: "a", attempt: 1 });
  const lease_until = new Date(task.now + 120_000).toISOString();
  expect(task.view().steps[0]?.live).toMatchObject([{ attempt: 1, status: "claimed", lease_until }]);
});
