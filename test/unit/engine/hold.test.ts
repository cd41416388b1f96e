/** What keeps a task from beginning, and what becomes of it meanwhile. */
import { describe, expect, test } from "vitest";
import { commandsFor } from "../../../src/engine/rules/commands.ts";
import { completes, given, STARTED_AT, step } from "./scenario.ts";

const gate = { key: "acme", limit: 2, overlap: "queue" } as const;
const STARTS = ["task.started", "step.started a", "attempt.started a#1"] as const;

describe("a task with a time to start at", () => {
  const scheduled = (more = {}) => given([step("a")], { held: { start_at: STARTED_AT + 60_000 }, ...more });

  test("is queued until then, says so, and begins by itself", () => {
    const task = scheduled().then("task.created", "task.queued");
    expect(task.view()).toMatchObject({
      status: "queued",
      waiting_on: { type: "timer", until: new Date(STARTED_AT + 60_000).toISOString() },
    });
    expect(task.last.wakeAt).toBe(STARTED_AT + 60_000);
    task.after(59_999).then();
    task.untilWake().then("task.admitted", ...STARTS);
    expect(task.view()).toMatchObject({ status: "running", waiting_on: null });
  });

  test("stays where it is while it is paused, and begins when it goes on", () => {
    const task = scheduled().when({ type: "pause" });
    expect(task.last.wakeAt).toBeNull();
    task.after(90_000).then();
    task.when({ type: "resume" }).then("task.resumed", "task.admitted", ...STARTS);
  });

  test("ends at its deadline, or when it is canceled, without having begun", () => {
    scheduled({ deadlineMs: 1_000 }).untilWake().then("step.canceled a (task_timed_out)", "task.timed_out (deadline_exceeded)");
    const canceled = scheduled().when({ type: "cancel" }).then("step.canceled a (task_canceled)", "task.canceled");
    expect(canceled.view()).toMatchObject({ status: "canceled", waiting_on: null, started_at: null });
  });
});

describe("a task with a gate", () => {
  const gated = (more = {}) => given([step("a")], { held: { gate }, ...more });

  test("asks to be let in, waits, and begins when it is", () => {
    const task = gated().then("task.created", "task.queued");
    expect(task.last.events.flatMap(commandsFor)).toEqual([{ type: "enter_gate" }]);
    expect(task.view()).toMatchObject({ status: "queued", waiting_on: { type: "concurrency", key: "acme", limit: 2 } });
    task.when({ type: "admit" }).then("task.admitted", ...STARTS);
    task.when({ type: "admit" }).then();
    task.when(completes("a")).then("step.completed a#1", "task.completed");
  });

  test("is let in while it is paused too, and begins when it goes on", () => {
    gated()
      .when({ type: "pause" }, { type: "admit" })
      .then("task.paused", "task.admitted")
      .when({ type: "resume" })
      .then("task.resumed", ...STARTS);
  });

  test("is rejected once it has waited for its queue_ttl", () => {
    const task = gated({ queueTtlMs: 5_000 }).untilWake().then("step.canceled a (task_rejected)", "task.rejected (queue_timeout)");
    expect(task.now).toBe(STARTED_AT + 5_000);
  });

  test("is rejected where there is no place and it does not wait for one", () => {
    const task = gated().when({ type: "refuse", by: "task_2" });
    task.then("step.canceled a (task_rejected)", "task.rejected (concurrency_limit)");
    expect(task.replayed().divergence).toBeNull();
    task.when({ type: "admit" }).then();
  });

  test("gets into line at its time, not before", () => {
    const task = given([step("a")], { held: { gate, start_at: STARTED_AT + 1_000 } });
    expect(task.last.events.flatMap(commandsFor)).toEqual([]);
    task.when({ type: "admit" }).then();
    task.untilWake().then("task.queued");
    expect(task.last.commands).toEqual([{ type: "enter_gate" }]);
  });
});

describe("a task that stands for a burst", () => {
  const debounce = { key: "k", due_at: STARTED_AT + 1_000, latest_at: STARTED_AT + 2_500 };
  const burst = () => given([{ id: "say", type: "transform", output: "${ input.n }" }], { held: { debounce }, input: { n: 1 } });
  const another = (n: number, until: number) => ({ type: "replace", input: { value: { n } }, until }) as const;
  const said = (task: ReturnType<typeof burst>) =>
    task.journal.flatMap(({ events }) => events).find(({ type }) => type === "step.completed");

  test("begins when no other has come for a while, with the last input", () => {
    const task = burst()
      .after(900)
      .when(another(2, STARTED_AT + 1_900))
      .then("task.replaced");
    task.after(150).then();
    task.untilWake();
    expect(task.now).toBe(STARTED_AT + 1_900);
    expect(said(task)).toMatchObject({ output: { value: 2 } });
    expect(task.replayed().divergence).toBeNull();
  });

  test("begins at the latest when the burst has lasted as long as it may", () => {
    const task = burst()
      .after(900)
      .when(another(2, STARTED_AT + 1_900))
      .after(900)
      .when(another(3, STARTED_AT + 2_800))
      .untilWake();
    expect(task.now).toBe(STARTED_AT + 2_500);
    expect(said(task)).toMatchObject({ output: { value: 3 } });
  });

  test("takes no other input once its time has come, though nobody has noticed yet", () => {
    const task = burst();
    task.now += 1_000;
    task.when(another(2, STARTED_AT + 2_000));
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
    expect(said(task)).toMatchObject({ output: { value: 1 } });
  });
});

test("a task without any of these has nothing more in its journal", () => {
  given([step("a")]).then("task.created", ...STARTS);
});
