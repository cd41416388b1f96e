/** Agents that answer 429 or 503 and say when to come back: what that costs a step, and what the task's other steps do. */
import { describe, expect, test } from "vitest";
import type { Failure } from "../../../src/engine/facts/failure.ts";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { nextWakeAt } from "../../../src/engine/rules/wake.ts";
import { completes, fails, given, step, STARTED_AT, type Options, type Scenario } from "./scenario.ts";

const busy = (id: string, ms: number, attempt = 1, more: Partial<Failure> = {}): TaskInput =>
  fails(id, { code: "agent_unavailable", message: "slow down", status: 429, retry_after_ms: ms, ...more }, attempt);
const once = { retry: { max_attempts: 1 } };
const one = (options: Options = {}, more: Record<string, unknown> = once): Scenario => given([step("a", more)], options);

describe("a step whose agent asks for patience", () => {
  test.each([429, 503])("spends no attempt by a %i, comes back when it was told to, and goes on counting calls", (status) => {
    const task = one();
    task.when(busy("a", 20_000, 1, { status })).then("attempt.declined a#1 (slow down)", "step.waiting a");
    expect(task.view()).toMatchObject({
      status: "waiting",
      // For how long it goes on; when it asks again the agent has said.
      waiting_on: { until: new Date(STARTED_AT + 3_600_000).toISOString() },
      steps: [{ earlier: [{ end: "declined", code: "agent_unavailable", message: "slow down" }] }],
    });
    expect(task.last.commands).toMatchObject([{ type: "settled", outcome: { class: "throttled", heldUntil: STARTED_AT + 20_000 } }]);
    task.after(19_999).then();
    task.after(1).then("attempt.started a#2");
    task.when(busy("a", 1_000, 2)).then("attempt.declined a#2 (slow down)", "step.waiting a");
    task.after(1_000).then("attempt.started a#3");
    task.when(completes("a", 1, 3)).then("step.completed a#3", "task.completed");
  });

  test("gets its slot's agent its slot back", () => {
    const task = one({ agent: { needsSlot: true } }).when({ type: "grant", step: "a", attempt: 1, isPull: false });
    expect(task.when(busy("a", 1_000)).last.commands).toMatchObject([{ type: "settled", slot: true, agent: "agent_1" }]);
  });

  test("is as it was rebuilt, and its journal comes out the same", () => {
    const task = one().when(busy("a", 20_000));
    expect(nextWakeAt(task.rebuilt())).toBe(STARTED_AT + 20_000);
    task
      .after(20_000)
      .when(busy("a", 500, 2))
      .after(500)
      .when(completes("a", 1, 3));
    expect(task.replayed().divergence).toBeNull();
    expect(task.checked().wrong).toBeNull();
  });

  test("gives up, in the agent's words, when it has been without one for its time in all", () => {
    const task = given([step("b"), step("a", { ...once, needs: ["b"] })], { queueTtlMs: 60_000 }).when(completes("b"));
    task
      .when(busy("a", 50_000))
      .after(50_000)
      .when(busy("a", 600_000, 2));
    expect(nextWakeAt(task.state)).toBe(STARTED_AT + 60_000);
    task.untilWake().then("step.failed a (no_agent)", "task.failed (no_agent)");
    expect(task.state.end?.error?.message).toContain("slow down");
  });

  test("waits no longer than the task's deadline", () => {
    one({ deadlineMs: 5_000 })
      .when(busy("a", 60_000))
      .after(5_000)
      .then("step.canceled a (task_timed_out)", "task.timed_out (deadline_exceeded)");
  });

  test("waits longer from time to time where it is put off by moments", () => {
    const task = one();
    const pauses = [1, 2, 3, 4].map((attempt) => {
      task.when(busy("a", 1, attempt));
      const before = task.now;
      task.untilWake();
      return task.now - before;
    });
    expect(pauses).toEqual([250, 500, 1_000, 2_000]);
  });

  test("goes to who else can do it at once, or to its fallback", () => {
    one({ agents: ["agent_1", "agent_2"] })
      .when(busy("a", 60_000))
      .then("attempt.declined a#1 (slow down)", "attempt.started a#2");
    one({}, { ...once, fallback: [{ agent: "last_resort" }] })
      .when(busy("a", 60_000))
      .when({ type: "look" })
      .then("step.degraded a (no_agent)", "attempt.started a#2");
  });

  test.each([
    ["says that coming back is useless", { retryable: false }],
    ["does not say when", { retry_after_ms: undefined as never }],
    ["names no time to come", { retry_after_ms: 0 }],
    ["has another status", { status: 500 }],
    ["fails with what the step does not try again", { code: "quota" }],
  ])("is failed by one that %s", (_, more) => {
    const task = one({}, { retry: { max_attempts: 1, non_retryable: ["quota"] } }).when(busy("a", 1_000, 1, more));
    expect(task.last.events[0]?.type).toBe("attempt.failed");
  });
});

test("work that its worker had hung up on goes to another, as an attempt that spends none", () => {
  const task = one({ agent: { needsSlot: true, way: "pull" } }).when({ type: "grant", step: "a", attempt: 1, isPull: true });
  task.when({ type: "decline", step: "a", attempt: 1, reason: "gone", retryAt: 0, isReturned: true });
  task.then("attempt.declined a#1 (gone)", "step.waiting a");
  expect(task.last.commands).toMatchObject([{ type: "settled", slot: true, outcome: { class: "canceled" } }]);
  task.untilWake().then("step.waiting a#2");
  expect(task.replayed().divergence).toBeNull();
});

describe("the other steps of the task", () => {
  const all = ["a", "b", "c", "d"];
  const four = (): Scenario => given([...all.map((id) => step(id, once)), step("e", { ...once, needs: ["a"] })]);

  test("leave the agent alone as well; afterwards one goes first, and the rest when that is answered", () => {
    const task = four().when(completes("a"), busy("b", 10_000), busy("c", 9_000), busy("d", 8_000));
    expect(task.last.events.filter(({ type }) => type === "attempt.started").map((fact) => "step" in fact && fact.step)).toEqual(["e"]);
    task.when(busy("e", 5_000));
    task.after(9_999).then();
    task.after(1).then("attempt.started b#2");
    task.after(5_000).then();
    task.when(completes("b", 1, 2)).then("step.completed b#2", "attempt.started c#2", "attempt.started d#2", "attempt.started e#2");
  });

  test("wait on when the first is told to", () => {
    const task = four().when(completes("a"), busy("b", 1_000), busy("c", 1_000), busy("d", 1_000), busy("e", 1_000));
    task.after(1_000).then("attempt.started b#2");
    task.when(busy("b", 30_000, 2)).then("attempt.declined b#2 (slow down)", "step.waiting b");
    task.after(29_999).then();
    task.after(1);
    expect(task.last.events.filter(({ type }) => type === "attempt.started")).toHaveLength(1);
  });

  test("are not let go by a reply to a call from before", () => {
    const task = four().when(busy("b", 10_000), busy("c", 10_000));
    task.when(completes("d")).then("step.completed d#1");
    task.when(completes("a")).then("step.completed a#1", "step.waiting e");
  });

  test("have their calls that have not left called off, with their slots", () => {
    const task = given([step("a", once), step("b", once)], { agent: { needsSlot: true } });
    task.when({ type: "grant", step: "a", attempt: 1, isPull: false }, { type: "grant", step: "b", attempt: 1, isPull: false });
    task.when(busy("a", 10_000)).when({ type: "decline", step: "b", attempt: 1, reason: "held", retryAt: 0, isReturned: true });
    task.then("attempt.declined b#1 (held)", "step.waiting b");
    expect(task.last.commands).toMatchObject([{ type: "settled", slot: true, outcome: { class: "canceled" } }]);
    expect(task.replayed().divergence).toBeNull();
  });
});
