import { describe, expect, test } from "vitest";
import type { TaskInput } from "../../../src/engine/facts/input.ts";
import { LIMITS } from "../../../src/engine/limits.ts";
import { completes, fails, given, step, STARTED_AT, type Scenario, type Steps } from "./scenario.ts";

const byQueue = { agent: { way: "queue" } } as const;
const claim = (id: string, delivery = 1_001, attempt = 1): TaskInput => ({ type: "claim", step: id, attempt, delivery });
const accept = (id: string, attempt = 1): TaskInput => ({ type: "accept", step: id, attempt });
const lose = (id: string, attempt = 1): TaskInput => ({ type: "lose", step: id, attempt });

describe("the fence", () => {
  test("a reply counts once; its repetition changes nothing and is told so", () => {
    const task = given([step("a"), step("b")]).when(completes("a"));
    task.when(completes("a", "again")).then();
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "attempt_superseded" } });
  });

  test("a reply to an attempt that was replaced changes nothing", () => {
    const task = given([step("a", { retry: { delay: "1ms", jitter: "none" } })])
      .when(fails("a"))
      .after(1);
    task.when(completes("a", "late", 1)).then();
    task.when(completes("a", "in time", 2)).then("step.completed a#2", "task.completed");
  });

  test("a late reply within its attempt still wins over a failure that has not been recorded", () => {
    const task = given([step("a", { timeout: "1s" })]);
    task.now += 5_000;
    task.when(completes("a")).then("step.completed a#1", "task.completed");
  });

  test("a reply that called back may be repeated and gets the same answer", () => {
    const reply: TaskInput = { ...completes("a"), digest: "d1" } as TaskInput;
    const task = given([step("a"), step("b")]).when(reply);
    task.when(reply).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
    task.when({ ...reply, digest: "other" } as TaskInput);
    expect(task.last.answers[0]).toMatchObject({ ok: false, error: { code: "attempt_superseded" } });
  });

  test("a reply after cancellation is told that the attempt was canceled", () => {
    const task = given([step("a")]).when({ type: "cancel" }, completes("a"));
    expect(task.last.answers[1]).toMatchObject({ ok: false, error: { code: "attempt_canceled" } });
  });

  test("nobody can reply to a step that does not exist or has not started", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })]).when(completes("nope"), completes("b"));
    task.then();
    expect(task.last.answers.every((answer) => !answer.ok)).toBe(true);
  });
});

describe("by queue", () => {
  test("a claim starts the lease; a higher delivery takes over, an equal or lower one does not", () => {
    const task = given([step("a", { timeout: "1m" })], byQueue)
      .when(claim("a"))
      .then("attempt.claimed a#1");
    task.when(claim("a", 1_001)).then();
    task.when(claim("a", 1_000)).then();
    task.when(claim("a", 1_002)).then("attempt.claimed a#1");
  });

  test("a lease that runs out is a loss, not a failure: the same attempt goes out again", () => {
    const task = given([step("a", { timeout: "1m" })], byQueue).when(claim("a"));
    task.after(60_000 + LIMITS.leaseGraceMs - 1).then();
    task.after(1).then("attempt.lost a#1");
    expect(task.last.commands).toEqual([{ type: "dispatch", step: "a", attempt: 1 }]);
    expect(task.view().steps[0]).toMatchObject({ attempts: 1, status: "running" });
  });

  test("after so many losses the step fails with attempt_lost", () => {
    const task = given([step("a", { timeout: "1m" })], byQueue);
    for (let round = 0; round < LIMITS.resends; round++)
      task
        .when(claim("a", (round + 1) * 100_000))
        .untilWake()
        .then("attempt.lost a#1");
    task.when(claim("a", 99_000_000)).untilWake();
    task.then("attempt.failed a#1 (attempt_lost)", "step.failed a (attempt_lost)", "task.failed (attempt_lost)");
  });

  test("trouble of the platform spends no attempt", () => {
    const task = given([step("a", { retry: { max_attempts: 1 } })])
      .when(lose("a"))
      .then("attempt.lost a#1");
    task.when(completes("a")).then("step.completed a#1", "task.completed");
  });

  test("an inline attempt cannot be claimed", () => {
    given([step("a")])
      .when(claim("a"))
      .then();
  });
});

describe("calling back", () => {
  /** As many heartbeats as are recorded with what they say. */
  function worn(task: Scenario): Scenario {
    for (let beat = 0; beat < LIMITS.heartbeats; beat++) task.when({ type: "heartbeat", step: "a", attempt: 1, progress: beat });
    return task;
  }

  test("a 202 starts the lease; its end is a timeout and spends the attempt", () => {
    const task = given([step("a", { timeout: "1m", retry: { delay: "1s", jitter: "none" } })])
      .when(accept("a"))
      .then("attempt.claimed a#1");
    task.after(60_000).then("attempt.failed a#1 (timeout)", "step.retry_scheduled a#2");
  });

  test("a heartbeat moves the lease", () => {
    const task = given([step("a", { timeout: "1m" })]).when(accept("a"));
    task.now += 50_000;
    task.when({ type: "heartbeat", step: "a", attempt: 1 }).then("attempt.progressed a#1");
    task.after(59_999).then();
    task.after(1);
    expect(task.last.events[0]?.type).toBe("attempt.failed");
  });

  test("progress is recorded up to a limit, and takes nothing from the right to more time", () => {
    const task = worn(given([step("a", { timeout: "1m" })]).when(accept("a")));
    task.when({ type: "heartbeat", step: "a", attempt: 1, progress: "too much" }).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
    task.now += 30_000;
    task.when({ type: "heartbeat", step: "a", attempt: 1, progress: "too much" }).then("attempt.progressed a#1");
    expect(task.last.events[0]).toEqual({ type: "attempt.progressed", step: "a", attempt: 1, lease_until: task.now + 60_000 });
  });

  test("time that is granted after so many heartbeats is worth a row", () => {
    const task = worn(given([step("a", { timeout: "1m" })]).when(accept("a")));
    task.now += 59_995;
    let rows = 0;
    for (let ms = 0; ms < 5_000; ms++) {
      task.when({ type: "heartbeat", step: "a", attempt: 1, extendMs: 10 });
      rows += task.last.events.length;
      task.now++;
    }
    expect(rows).toBeLessThanOrEqual(6);
    expect(task.steps()).toEqual(["running"]);
  });

  test("heartbeats that move it little are answered, not recorded", () => {
    const task = given([step("a", { timeout: "1m" })]).when(accept("a"));
    task.now += 5_000;
    task.when({ type: "heartbeat", step: "a", attempt: 1 }).then();
    expect(task.last.answers).toEqual([{ ok: true, value: "unchanged" }]);
    task.when({ type: "heartbeat", step: "a", attempt: 1, progress: { pages: 3 } }).then("attempt.progressed a#1");
  });

  test("a completion may overtake the 202 that announced it", () => {
    const task = given([step("a")]).when(completes("a"), accept("a"));
    task.then("step.completed a#1", "task.completed");
    expect(task.last.answers[1]?.ok).toBe(false);
  });
});

describe("deadlines", () => {
  test("passing the task's deadline cancels what is left and ends it timed out", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })], { deadlineMs: 10_000 });
    task.after(10_000).then("step.canceled a (task_timed_out)", "step.canceled b (task_timed_out)", "task.timed_out (deadline_exceeded)");
    expect(task.last.commands).toMatchObject([{ type: "abandon", step: "a", attempt: 1, reason: "task_timed_out" }]);
  });

  test("an attempt's time is cut to the deadline", () => {
    const task = given([step("a", { timeout: "1h" })], { ...byQueue, deadlineMs: 10_000 }).when(claim("a"));
    expect(task.last.events[0]).toMatchObject({ lease_until: STARTED_AT + 10_000 + LIMITS.leaseGraceMs });
  });

  test("the deadline runs while the task is paused", () => {
    const task = given([step("a")], { deadlineMs: 10_000 }).when({ type: "pause" });
    task.after(10_000);
    expect(task.status).toBe("timed_out");
  });
});

const startsOf = (task: Scenario) =>
  task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "attempt.started" ? [event] : [])));
const wayOf = (task: Scenario): readonly string[] => startsOf(task).map(({ way }) => way);
const many = (count: number): Steps => Array.from({ length: count }, (_, index) => step(`s${index}`));
const countsOf = (ways: readonly string[]): object =>
  Object.fromEntries(
    Map.groupBy(ways, (way) => way)
      .entries()
      .map(([way, all]) => [way, all.length]),
  );

describe("by the task itself, by relay or by queue", () => {
  const auto = (more: object = {}) => ({ agent: { way: null, ...more } });

  test("while nothing is known the task makes what finds a place, and relays the rest", () => {
    expect(countsOf(wayOf(given(many(100), auto())))).toEqual({ inline: 6, relay: 94 });
  });

  test.each([
    [1, { inline: 100 }],
    [20, { inline: 36, relay: 64 }],
    [50, { inline: 18, relay: 82 }],
    [500, { inline: 6, relay: 94 }],
    [60_000, { inline: 6, relay: 94 }],
    [60_001, { queue: 100 }],
  ])("of agents that take %s ms, those line up whose turn comes at once, and the longest go by queue", (expectedLatencyMs, ways) => {
    expect(countsOf(wayOf(given(many(100), auto({ expectedLatencyMs }))))).toEqual(ways);
  });

  test("what the task has seen of the agent counts more than what it declares", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })], auto({ expectedLatencyMs: 10 }));
    task.when({ ...completes("a"), ms: 90_000 } as TaskInput);
    expect(wayOf(task)).toEqual(["inline", "queue"]);
  });

  test("what holds a slot of its agent does not line up", () => {
    const task = given(many(8), auto({ expectedLatencyMs: 1, needsSlot: true }));
    for (let index = 0; index < 8; index++) task.when({ type: "grant", step: `s${index}`, attempt: 1, isPull: false });
    expect(countsOf(wayOf(task))).toEqual({ inline: 6, relay: 2 });
  });

  test("the receipt says which, and why, where the agent leaves it to us", () => {
    const wayIn = (task: Scenario) =>
      task.journal.flatMap(({ events }) => events.flatMap((event) => (event.type === "agent.selected" ? [event.receipt.way] : []))).at(-1);
    expect(wayIn(given(many(7), auto()))).toEqual({ chosen: "relay", why: "the task's own places are taken" });
    expect(wayIn(given(many(7), auto({ expectedLatencyMs: 70_000 })))).toMatchObject({ chosen: "queue" });
    expect(wayIn(given(many(7), { agent: { way: "relay" } }))).toBeUndefined();
  });

  test("a large input goes by queue, and so does what is more than relays make for one task", () => {
    const large = { input: { text: "x".repeat(LIMITS.relayedInputBytes) }, agent: { way: "relay" as const } };
    expect(wayOf(given([step("a", { input: "${ input.text }" }), step("b")], large))).toEqual(["queue", "relay"]);
    expect(countsOf(wayOf(given(many(1_003), { agent: { way: "relay" } })))).toEqual({ relay: 1_000, queue: 3 });
  });

  test("a relay has six calls at most, and whoever is free first gets the next", () => {
    const task = given([...many(14), step("later", { needs: ["s7"] })], { agent: { way: "relay" } });
    const relays = startsOf(task).map(({ relay }) => relay);
    expect(relays).toEqual([...Array<string>(6).fill("relay_1"), ...Array<string>(6).fill("relay_2"), "relay_3", "relay_3"]);
    task.when(completes("s7"));
    expect(startsOf(task).at(-1)).toMatchObject({ step: "later", relay: "relay_2" });
  });

  test("a lost call goes to another relay, as the same attempt at the same agent", () => {
    const task = given(many(2), { agent: { way: "relay" } });
    task.when({ type: "lose", step: "s0", attempt: 1 });
    expect(task.last.events).toEqual([{ type: "attempt.lost", step: "s0", attempt: 1, sends: 1, relay: "relay_2" }]);
    task.when({ type: "lose", step: "s0", attempt: 1 });
    expect(task.last.events).toMatchObject([{ sends: 2, relay: "relay_1" }]);
    expect(task.last.commands).toEqual([{ type: "dispatch", step: "s0", attempt: 1 }]);
    task.when(completes("s0"), completes("s1"));
    expect(task.status).toBe("completed");
    expect([task.state.relayed, task.state.relays.size]).toEqual([0, 0]);
  });

  test("what an agent has accepted takes no place of a relay any more", () => {
    const task = given(many(6), { agent: { way: "relay" } });
    task.when({ type: "accept", step: "s0", attempt: 1 });
    expect([...task.state.relays]).toEqual([["relay_1", 5]]);
  });
});

describe("inline or by queue, of a task that began before there were relays", () => {
  const wide = many(8);

  test("an agent of unknown speed is awaited while there is a place, then queued", () => {
    expect(wayOf(given(wide, { rules: 0, agent: { way: null } }))).toEqual([...Array<string>(6).fill("inline"), "queue", "queue"]);
  });

  test("one that declares a second or more is queued", () => {
    expect(wayOf(given([step("a")], { rules: 0, agent: { way: null, expectedLatencyMs: 1_000 } }))).toEqual(["queue"]);
    expect(wayOf(given([step("a")], { rules: 0, agent: { way: null, expectedLatencyMs: 999 } }))).toEqual(["inline"]);
  });

  test("a fast one may line up for a place, as long as its turn comes soon", () => {
    expect(new Set(wayOf(given(many(100), { rules: 0, agent: { way: null, expectedLatencyMs: 20 } })))).toEqual(new Set(["inline"]));
    expect(new Set(wayOf(given(many(100), { rules: 0, agent: { way: null, expectedLatencyMs: 500 } })))).toEqual(
      new Set(["inline", "queue"]),
    );
  });

  test("what the task has seen of the agent counts more than what it declares", () => {
    const task = given([step("a"), step("b", { needs: ["a"] })], { rules: 0, agent: { way: null, expectedLatencyMs: 10 } });
    task.when({ ...completes("a"), ms: 5_000 } as TaskInput);
    expect(wayOf(task)).toEqual(["inline", "queue"]);
  });
});
