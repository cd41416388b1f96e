/** Agents that limit how many may use them: attempts in line, let in, turned away, or given up. */
import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { nextWakeAt } from "../../../src/engine/rules/wake.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";
import { completes, fails, given, step, STARTED_AT, type Options, type Scenario } from "./scenario.ts";

const grant = (id: string, attempt = 1, isPull = false): TaskInput => ({ type: "grant", step: id, attempt, isPull });
const decline = (id: string, attempt = 1, retryAt = 0): TaskInput => ({ type: "decline", step: id, attempt, reason: "full", retryAt });
const two = { agents: ["agent_1", "agent_2"], limited: ["agent_1"] };
const inLine = (options: Options = {}, more: Record<string, unknown> = {}): Scenario =>
  given([step("a", more)], { agent: { needsSlot: true }, ...options });

const typesOf = (task: Scenario): readonly string[] => task.last.events.map(({ type }) => type);

describe("a step whose agent limits how many may use it", () => {
  test("stands in line, and asks for a slot", () => {
    const task = inLine().then("task.created", "step.waiting a#1");
    expect(typesOf(task)).toEqual(["task.created", "agent.selected", "step.waiting"]);
    expect(task.last.commands).toEqual([{ type: "ask_slot", step: "a", attempt: 1, agent: "agent_1" }]);
    expect(task.view()).toMatchObject({
      status: "waiting",
      started_at: null,
      waiting_on: { type: "capacity", agent: "agent_1", step_id: "a", count: 1, until: new Date(STARTED_AT + 3_600_000).toISOString() },
      steps: [{ status: "waiting", attempts: 1, live: [{ status: "in_line", way: null }] }],
    });
  });

  test("starts when it is let in, under the number that it stood in line with", () => {
    const task = inLine();
    task.now += 5_000;
    task.when(grant("a")).then("task.started", "step.started a", "attempt.started a#1");
    expect(task.last.commands).toEqual([{ type: "dispatch", step: "a", attempt: 1 }]);
    task.when(completes("a")).then("step.completed a#1", "task.completed");
    expect(task.last.commands).toMatchObject([{ type: "settled", agent: "agent_1", slot: true, outcome: { ms: 0 } }]);
  });

  test("is let in once, however often it is told", () => {
    const task = inLine().when(grant("a"));
    task.when(grant("a")).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
  });

  test("is in the hands of the worker that took it along, until its lease ends", () => {
    const task = inLine({ agent: { needsSlot: true, way: "pull" } }, { timeout: "1m" }).when(grant("a", 1, true));
    task.then("task.started", "step.started a", "attempt.started a#1", "attempt.claimed a#1");
    expect(task.last.commands).toEqual([]);
    expect(task.last.events).toContainEqual(expect.objectContaining({ via: "pull", lease_until: STARTED_AT + 60_000 }));
    task.after(60_000).then("attempt.failed a#1 (timeout)", "step.retry_scheduled a#2");
    expect(task.last.commands).toMatchObject([{ type: "settled", slot: true, outcome: { class: "timeout" } }]);
  });

  test("has nobody who could reply, fail or lose it while it is in line", () => {
    const task = inLine().when(
      completes("a"),
      fails("a"),
      { type: "lose", step: "a", attempt: 1 },
      { type: "accept", step: "a", attempt: 1 },
    );
    task.then();
    expect(task.last.answers.map((answer) => !answer.ok && answer.error.code)).toEqual(Array(4).fill("attempt_superseded"));
  });

  test("stands in line again for its next try, which counts like any other", () => {
    const task = inLine({}, { retry: { max_attempts: 2, delay: "1s", jitter: "none" } }).when(grant("a"), fails("a"));
    task.after(1_000).then("step.waiting a#2");
    task
      .when(grant("a", 2), fails("a", {}, 2))
      .then("attempt.started a#2", "attempt.failed a#2 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("begins to be hedged when it is let in, not when it joins the line", () => {
    const task = given([step("a", { hedge: { after: "1s", max_share: 1 } })], two)
      .after(5_000)
      .then();
    task.when(grant("a"));
    task.after(999).then();
    task.after(1).then("attempt.started a#2");
  });

  test("does not hold up the steps beside it", () => {
    const task = given([step("a"), step("b", { agent: "agent_2", capability: undefined })], two);
    expect(task.steps()).toEqual(["waiting", "running"]);
    expect(task.status).toBe("running");
  });
});

describe("a step that is turned away", () => {
  test("looks elsewhere at once, and spends no try", () => {
    const task = given([step("a", { retry: { max_attempts: 2 } })], two).when(decline("a"));
    task.then("attempt.declined a#1 (full)", "task.started", "step.started a", "attempt.started a#2");
    expect(task.last.events).toContainEqual(expect.objectContaining({ type: "attempt.started", agent: "agent_2" }));
    task.when(fails("a", {}, 2)).then("attempt.failed a#2 (boom)", "step.retry_scheduled a#3");
  });

  test("spends no try in a later round either", () => {
    const retry = { max_attempts: 2, delay: "0s", jitter: "none" };
    const task = given([step("a", { retry })], { agents: ["agent_2", "agent_1"], limited: ["agent_1"] }).when(fails("a"));
    task.then("attempt.failed a#1 (boom)", "step.retry_scheduled a#2", "step.waiting a#2");
    task.when(decline("a", 2)).then("attempt.declined a#2 (full)", "attempt.started a#3");
    task.when(fails("a", {}, 3)).then("attempt.failed a#3 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("gives back nothing: who turned it away has no slot of it", () => {
    expect(given([step("a")], two).when(decline("a")).last.commands).toEqual([{ type: "dispatch", step: "a", attempt: 2 }]);
  });

  test("does not ask there again for a moment, or for as long as it was told, and then does", () => {
    const soon = inLine().when(decline("a")).then("attempt.declined a#1 (full)", "step.waiting a");
    soon.after(LIMITS.declineMs - 1).then();
    soon.after(1).then("step.waiting a#2");
    const later = inLine().when(decline("a", 1, STARTED_AT + 5_000));
    later.after(3_000).then();
    later.after(4_000).then("step.waiting a#2");
  });

  test("shows where it was turned away, and why", () => {
    const task = given([step("a")], two).when(decline("a"));
    expect(task.view().steps[0]?.earlier).toMatchObject([{ attempt: 1, agent: "agent_1", end: "declined", message: "full" }]);
  });

  test("waits no longer than its time in all, whatever lines it stood in", () => {
    const task = inLine({ agents: ["agent_1", "agent_2"], queueTtlMs: 10_000 });
    task.now += 6_000;
    task.when(decline("a", 1, STARTED_AT + 60_000)).then("attempt.declined a#1 (full)", "step.waiting a#2");
    task.after(3_999).then();
    task.after(1).then("step.canceled a (task_rejected)", "task.rejected (no_agent)");
  });

  test("goes to its fallback when nobody else offers what it wants", () => {
    const task = inLine({}, { fallback: [{ agent: "last_resort" }] }).when(decline("a", 1, STARTED_AT + 60_000));
    task.then("attempt.declined a#1 (full)", "step.waiting a");
    task.when({ type: "look" }).then("step.degraded a (no_agent)", "step.waiting a#2");
    expect(task.last.commands).toMatchObject([{ type: "ask_slot", agent: "last_resort" }]);
  });
});

describe("a step that stands in line for too long", () => {
  test("ends its task as rejected when nothing has started", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })], { agent: { needsSlot: true }, queueTtlMs: 5_000 });
    expect(nextWakeAt(task.state)).toBe(STARTED_AT + 5_000);
    task.after(5_000).then("step.canceled a (task_rejected)", "step.canceled b (task_rejected)", "task.rejected (no_agent)");
    expect(task.last.commands).toMatchObject([{ type: "abandon", step: "a", attempt: 1, agent: "agent_1", slot: true }]);
  });

  test("fails when something has", () => {
    const task = given([step("a"), step("b", { needs: ["a"], agent: "agent_1", capability: undefined })], {
      agents: ["agent_2"],
      limited: ["agent_1"],
      queueTtlMs: 5_000,
    }).when(completes("a"));
    expect(typesOf(task.after(5_000))).toEqual(["attempt.canceled", "step.failed", "task.failed"]);
    expect(task.view().error).toMatchObject({ code: "no_agent", step_id: "b" });
    expect(task.last.commands).toMatchObject([{ type: "abandon", step: "b", slot: true }]);
  });

  test("goes to its fallback, if it has one", () => {
    const task = inLine({ queueTtlMs: 5_000 }, { fallback: [{ capability: "plan_b" }] });
    expect(typesOf(task.after(5_000))).toEqual(["attempt.canceled", "step.degraded", "agent.selected", "step.waiting"]);
    task.when(grant("a", 2), completes("a", "b", 2));
    expect(task.view().steps[0]).toMatchObject({ status: "completed", degraded: { code: "no_agent" } });
  });

  test("shows that, and not that another agent was faster", () => {
    const task = inLine({ queueTtlMs: 5_000 }, { fallback: [{ capability: "plan_b" }] }).after(5_000);
    const [left] = task.view().steps[0]?.earlier ?? [];
    expect(left).toMatchObject({ attempt: 1, agent: "agent_1", end: "canceled" });
    expect(left?.message).not.toContain("faster");
  });

  test("is only let go where another of its attempts is at work", () => {
    const hedge = { hedge: { after: "1s", max_share: 1 } };
    const task = given([step("a", hedge)], { agents: ["agent_1", "agent_2"], limited: ["agent_2"], queueTtlMs: 5_000 }).after(1_000);
    expect(typesOf(task.after(5_000))).toEqual(["attempt.canceled"]);
    expect(task.last.commands).toMatchObject([{ type: "abandon", attempt: 2, agent: "agent_2", slot: true }]);
    task.when(completes("a")).then("step.completed a#1", "task.completed");
  });

  test("is not one that was let in before", () => {
    const task = inLine({ queueTtlMs: 5_000 }).when(grant("a"));
    task.after(60_000).then();
    expect(task.status).toBe("running");
  });
});

describe("while the task is paused", () => {
  test("nobody is let in, and it asks again when it goes on", () => {
    const task = inLine().when({ type: "pause" }, grant("a")).then("task.paused");
    expect(task.last.answers[1]).toMatchObject({ ok: false, error: { code: "invalid_state" } });
    expect(task.view().status).toBe("paused");
    task.when({ type: "resume" }).then("task.resumed");
    expect(task.last.commands).toEqual([{ type: "ask_slots" }, { type: "steer_children" }]);
    task.when(grant("a")).then("task.started", "step.started a", "attempt.started a#1");
  });

  test("who is turned away looks elsewhere only when it goes on", () => {
    const task = given([step("a")], two)
      .when({ type: "pause" }, decline("a"))
      .then("task.paused", "attempt.declined a#1 (full)");
    task.after(LIMITS.declineMs / 2).then();
    task.when({ type: "resume" }).then("task.resumed", "task.started", "step.started a", "attempt.started a#2");
  });
});

describe("canceling", () => {
  test("leaves every line and gives every slot back", () => {
    const task = given([step("a"), step("b"), step("c")], { agent: { needsSlot: true } }).when(grant("b"), { type: "cancel" });
    expect(task.last.commands.filter(({ type }) => type === "abandon")).toMatchObject([
      { step: "a", attempt: 1, agent: "agent_1", slot: true, reason: "task_canceled" },
      { step: "b", attempt: 1, agent: "agent_1", slot: true },
      { step: "c", attempt: 1, agent: "agent_1", slot: true },
    ]);
    task.when(grant("a")).then();
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "attempt_canceled" } });
  });

  test.each([
    ["queue", { type: "claim", step: "a", attempt: 1, delivery: 1 }, "queue"],
    ["callback", { type: "accept", step: "a", attempt: 1 }, "inline"],
    ["pull", null, "pull"],
  ] as const)("keeps the slot of what somebody has claimed by %s, until its lease ends", (_, claim, way) => {
    const task = given([step("a", { timeout: "1m" }), step("b")], { agent: { needsSlot: true, way } });
    task.when(grant("a", 1, way === "pull"));
    if (claim !== null) task.when(claim);
    task.now += 1_000;
    task.when({ type: "cancel" });
    const graceMs = way === "queue" ? LIMITS.leaseGraceMs : 0;
    expect([...task.state.lingering]).toEqual([["a/1", { agent: "agent_1", until: STARTED_AT + 60_000 + graceMs }]]);
    expect(task.rebuilt().lingering).toEqual(task.state.lingering);
  });

  test("by a deadline does the same", () => {
    const task = inLine({ deadlineMs: 10_000 }).after(10_000);
    task.then("step.canceled a (task_timed_out)", "task.timed_out (deadline_exceeded)");
    expect(task.last.commands).toMatchObject([{ type: "abandon", slot: true, reason: "task_timed_out" }]);
  });
});

describe("an attempt that has been sent and that nobody works on yet", () => {
  test("may be called off, and the step looks elsewhere without spending a try", () => {
    const task = given([step("a", { retry: { max_attempts: 1 } })], { agents: ["agent_1", "agent_2"], agent: { way: "queue" } });
    task.when(decline("a")).then("attempt.declined a#1 (full)", "attempt.started a#2");
    task.when(fails("a", {}, 2)).then("attempt.failed a#2 (boom)", "step.failed a (boom)", "task.failed (boom)");
  });

  test("may not once it is claimed, nor when it holds a slot", () => {
    const claimed = given([step("a")], { agent: { way: "queue" } }).when({ type: "claim", step: "a", attempt: 1, delivery: 1 });
    const holding = inLine().when(grant("a"));
    for (const task of [claimed, holding]) {
      task.when(decline("a")).then();
      expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "attempt_superseded" } });
    }
  });
});
