/** Schedules over real objects: every time is settled once, whatever happens to them in between. */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Pace } from "../../src/objects/pace.ts";
import { RunLog } from "../../src/schedules/run-log.ts";
import { ScheduleList } from "../../src/schedules/schedule-list.ts";
import { LIMITS } from "../../src/schedules/limits.ts";
import { newSigningSecret } from "../../src/shared/signing.ts";
import { WorkflowRegistry } from "../../src/workflows/registry.ts";
import { untilRequests, verified } from "./endpoints.ts";
import { agentsAnswer, api, calls, gate, registerAgent, resultOf, taskOf, untilEnded } from "./harness.ts";
import {
  alarmOf,
  asking,
  clockAt,
  comeTo,
  ECHO,
  evict,
  HOUR,
  hoursFrom,
  progressOf,
  putSchedule,
  removeSchedule,
  ring,
  runsOf,
  sayingOf,
  scheduleOf,
  scheduleStub,
  storedOf,
  timesOf,
  type RunView,
} from "./timetable.ts";

const SECOND = 1_000;
const list = new ScheduleList(drizzle(env.DB));
/** All of the file have a tenant in common: what runs by itself would disturb the others. */
const made = new Set<string>();
const put: typeof putSchedule = (name, ...rest) => {
  made.add(name);
  return putSchedule(name, ...rest);
};

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  for (const name of made) await removeSchedule(name);
  made.clear();
});

describe("a schedule", () => {
  test("submits its task at its time, which the task knows, and sleeps until the next one", async () => {
    const before = await put("hourly");
    const at = await hoursFrom("hourly");
    expect(before).toMatchObject({ status: "active", running: [], waiting: null, next: { length: LIMITS.scheduleNext } });
    expect(await alarmOf("hourly")).toBe(at(0));
    clockAt(at(0) - 1);
    await ring("hourly");
    expect(await runsOf("hourly")).toEqual([]);
    expect(await alarmOf("hourly")).toBe(at(0));
    await comeTo("hourly", at(0) + 20);
    const [run] = await runsOf("hourly");
    expect(run).toMatchObject({ outcome: "started", count: 1, reason: null, triggered: false });
    expect(Date.parse(run?.scheduled_at ?? "")).toBe(at(0));
    const task = await untilEnded(run?.task_id ?? "");
    expect(task).toMatchObject({ status: "completed", scheduled_by: { schedule: "hourly", at: new Date(at(0)).toISOString() } });
    expect(await resultOf(task.id)).toBe(new Date(at(0)).toISOString());
    expect(await alarmOf("hourly")).toBe(at(1));
    expect(await scheduleOf("hourly")).toMatchObject({ next_at: new Date(at(1)).toISOString(), running: [{ task_id: task.id }] });
  });

  test("with jitter starts it later, always at the same moment", async () => {
    await put("spread", { jitter: "30m" });
    const at = await hoursFrom("spread");
    const start = (await alarmOf("spread")) ?? 0;
    expect(start).toBeGreaterThan(at(0));
    expect(start).toBeLessThan(at(0) + HOUR / 2);
    await evict("spread");
    await comeTo("spread", start - 1);
    expect(await runsOf("spread")).toEqual([]);
    await comeTo("spread", start);
    expect(timesOf(await runsOf("spread"))).toEqual([at(0)]);
  });

  test("that has no time left has no alarm", async () => {
    const at = Math.ceil(Date.now() / HOUR) * HOUR;
    await put("ending", { starts_at: new Date(at).toISOString(), ends_at: new Date(at + HOUR).toISOString() });
    expect((await scheduleOf("ending")).next).toEqual([new Date(at).toISOString()]);
    await comeTo("ending", at);
    expect(await scheduleOf("ending")).toMatchObject({ status: "ended", next_at: null, next: [] });
    expect(await alarmOf("ending")).toBeNull();
    expect(await runsOf("ending")).toHaveLength(1);
  });

  test("runs every second, by its own alarm", async () => {
    await put("secondly", { cron: "* * * * * *", overlap: "allow" });
    await vi.waitUntil(async () => (await runsOf("secondly", "?outcome=started")).length >= 3, { timeout: 10_000, interval: 50 });
    const times = timesOf(await runsOf("secondly")).toReversed();
    expect(times).toEqual(Array.from({ length: times.length }, (_, index) => (times[0] ?? 0) + index * SECOND));
  });

  test("keeps the secret of its webhook sealed, and signs with it", async () => {
    const secret = newSigningSecret();
    const view = await put("telling", { task: { ...ECHO, webhook: { url: "https://told.example/in", secret } } });
    expect(view.task["webhook"]).toEqual({ url: "https://told.example/in" });
    for (const kept of [JSON.stringify(await scheduleOf("telling")), (await storedOf("telling")).values])
      expect(kept).not.toContain(secret.slice(6));
    expect((await api("POST", "/schedules/telling/trigger")).status).toBe(202);
    const [request] = await untilRequests("told", 1);
    expect(verified(request, secret)).toMatchObject({ type: "task.completed" });
  });
});

describe("a time", () => {
  test("whose task was submitted and not written down is written down later, and is no second task", async () => {
    await put("forgetful");
    const at = await hoursFrom("forgetful");
    vi.spyOn(RunLog.prototype, "add").mockImplementationOnce(() => {
      throw new Error("the instance is gone");
    });
    await comeTo("forgetful", at(0));
    expect(await runsOf("forgetful")).toEqual([]);
    expect((await progressOf("forgetful")).starting).toMatchObject([{ at: at(0), tries: 1 }]);
    await abortAllDurableObjects();
    await comeTo("forgetful", at(0) + 2 * SECOND);
    const [run, ...others] = await runsOf("forgetful");
    expect(others).toEqual([]);
    expect(await taskOf(run?.task_id ?? "")).toMatchObject({ created_at: new Date(at(0)).toISOString() });
  });

  test.each(["aborted", "evicted"])("has one task, whatever the object was %s in", async (how) => {
    const name = `chaotic-${how}`;
    await put(name, { catch_up: "all", overlap: "allow" });
    const at = await hoursFrom(name);
    const submitted = vi.spyOn(WorkflowRegistry.prototype, "resolve");
    for (let hour = 0; hour < 8; hour++) {
      clockAt(at(hour) + hour * 7);
      const ringing = ring(name).catch(() => false);
      if (hour % 3 === 1) await ringing;
      if (how === "aborted") await abortAllDurableObjects();
      else await evict(name).catch(() => undefined);
      await ringing;
    }
    submitted.mockRestore();
    await vi.waitUntil(
      async () => {
        await ring(name).catch(() => false);
        return (await runsOf(name)).length === 8;
      },
      { timeout: 10_000, interval: 20 },
    );
    const runs = await runsOf(name);
    expect(timesOf(runs).toReversed()).toEqual(Array.from({ length: 8 }, (_, hour) => at(hour)));
    expect(new Set(runs.map(({ task_id }) => task_id)).size).toBe(8);
    expect(runs.every(({ outcome }) => outcome === "started")).toBe(true);
  });

  test("of which nobody tells the object any more is found when somebody reads it", async () => {
    await put("unrung");
    const at = await hoursFrom("unrung");
    await runInDurableObject(scheduleStub("unrung"), (_, state) => state.storage.deleteAlarm());
    await scheduleOf("unrung");
    expect(await alarmOf("unrung")).toBe(at(0));
  });
});

describe("times that were missed", () => {
  const outcomes = (runs: readonly RunView[], at: (hours: number) => number) =>
    runs.toReversed().map(({ outcome, scheduled_at, count }) => [outcome, (Date.parse(scheduled_at) - at(0)) / HOUR, count]);

  test.each([
    ["none", [["missed", 0, 5]]],
    [
      "one",
      [
        ["missed", 0, 4],
        ["started", 4, 1],
      ],
    ],
    [{ within: "150m" }, [["missed", 0, 2], ...[2, 3, 4].map((hour) => ["started", hour, 1])]],
    ["all", [0, 1, 2, 3, 4].map((hour) => ["started", hour, 1])],
  ])("are made up for as catch_up says: %j", async (catchUp, expected) => {
    await put("away", { catch_up: catchUp, overlap: "allow" });
    const at = await hoursFrom("away");
    await comeTo("away", at(4) + HOUR / 2);
    expect(outcomes(await runsOf("away"), at)).toEqual(expected);
    const [first] = (await runsOf("away")).toReversed();
    if (first?.outcome === "missed") expect(first).toMatchObject({ task_id: null, reason: { code: "missed" } });
    await comeTo("away", at(5));
    expect(timesOf(await runsOf("away"))[0]).toBe(at(5));
  });

  test("are made up for in turns, and what is punctual waits for none", async () => {
    await put("taking-turns", { catch_up: "all", overlap: "allow" });
    const at = await hoursFrom("taking-turns");
    const turn = vi.spyOn(Pace.prototype, "turn");
    const turns = () => turn.mock.calls.filter(([key]) => key.endsWith("/taking-turns")).length;
    await comeTo("taking-turns", at(4) + HOUR / 2);
    expect(turns()).toBe(5);
    await comeTo("taking-turns", at(5));
    expect(await runsOf("taking-turns")).toHaveLength(6);
    expect(turns()).toBe(5);
  });

  test("keep nobody waiting who pauses the schedule while they wait for their turns", async () => {
    await put("held-up", { catch_up: "all", overlap: "allow" });
    const at = await hoursFrom("held-up");
    const comes = Promise.withResolvers<boolean>();
    const turn = vi.spyOn(Pace.prototype, "turn").mockReturnValue(comes.promise);
    clockAt(at(4) + HOUR / 2);
    const waking = ring("held-up");
    await vi.waitFor(() => expect(turn).toHaveBeenCalled());
    expect(await api("POST", "/schedules/held-up/pause")).toMatchObject({ status: 200, body: { status: "paused" } });
    expect(await runsOf("held-up")).toEqual([]);
    comes.resolve(true);
    await waking;
    expect(await runsOf("held-up")).toHaveLength(5);
  });

  test("for a month, every second, cost no more than a few", async () => {
    await put("long-away", { cron: "* * * * * *", overlap: "allow", paused: true });
    await api("POST", "/schedules/long-away/resume");
    clockAt(Math.ceil(Date.now() / SECOND) * SECOND + 30 * 24 * HOUR);
    await ring("long-away");
    const runs = await runsOf("long-away");
    expect(runs.filter(({ outcome }) => outcome === "started").length).toBeLessThanOrEqual(LIMITS.scheduleStarts);
    const missed = runs.find(({ outcome }) => outcome === "missed");
    expect(missed).toMatchObject({ count: LIMITS.scheduleCount, at_least: true });
    expect(Date.parse(missed?.until ?? "")).toBe(Date.now() - 12 * SECOND);
  });

  test("and are many are made up for a few at a time, each once", async () => {
    await put("backlog", { catch_up: "all", overlap: "allow" });
    const at = await hoursFrom("backlog");
    clockAt(at(49));
    await ring("backlog");
    expect(await runsOf("backlog")).toHaveLength(LIMITS.scheduleStarts);
    expect(await alarmOf("backlog")).toBeLessThanOrEqual(at(49) + 1);
    await ring("backlog");
    await ring("backlog");
    const runs = await runsOf("backlog");
    expect(timesOf(runs).toReversed()).toEqual(Array.from({ length: 50 }, (_, hour) => at(hour)));
    expect(new Set(runs.map(({ task_id }) => task_id)).size).toBe(50);
  });
});

describe("a run whose predecessor has not ended", () => {
  /** A schedule whose first run is held back until the test lets it go. */
  async function held(name: string, overlap: string, task: object = asking(name)) {
    const holding = gate();
    await registerAgent(name);
    agentsAnswer(async () => {
      await holding.passed();
      return Response.json({ output: null });
    });
    await put(name, { overlap, task });
    const at = await hoursFrom(name);
    await comeTo(name, at(0));
    const first = (await runsOf(name))[0]?.task_id ?? "";
    await vi.waitUntil(() => calls.length === 1, { interval: 5 });
    return { at, task: first, open: holding.open };
  }
  const outcomesOf = async (name: string) =>
    (await runsOf(name)).toReversed().map(({ outcome, count, reason }) => [outcome, count, reason?.code]);

  test("is skipped, until the other has ended; many in a row are one entry", async () => {
    const { at, task, open } = await held("skipping", "skip");
    for (const hour of [1, 2, 3]) await comeTo("skipping", at(hour));
    expect(await outcomesOf("skipping")).toEqual([
      ["started", 1, undefined],
      ["skipped", 3, "overlap"],
    ]);
    expect((await runsOf("skipping"))[0]).toMatchObject({
      scheduled_at: new Date(at(1)).toISOString(),
      until: new Date(at(3)).toISOString(),
      reason: { message: `${task} was still running` },
    });
    open();
    await untilEnded(task);
    await comeTo("skipping", at(4));
    expect((await outcomesOf("skipping"))[2]).toEqual(["started", 1, undefined]);
    expect((await scheduleOf("skipping")).running).toHaveLength(1);
  });

  test("waits for its end, and one more does not", async () => {
    const { at, task, open } = await held("queueing", "queue");
    await comeTo("queueing", at(1));
    expect(await scheduleOf("queueing")).toMatchObject({ waiting: { scheduled_at: new Date(at(1)).toISOString() } });
    expect(await alarmOf("queueing")).toBe(at(1) + LIMITS.scheduleLookMs);
    await comeTo("queueing", at(1) + 40 * SECOND);
    expect(await alarmOf("queueing")).toBe(at(1) + 50 * SECOND);
    await comeTo("queueing", at(2));
    expect(await outcomesOf("queueing")).toEqual([
      ["started", 1, undefined],
      ["skipped", 1, "queue_full"],
    ]);
    open();
    await untilEnded(task);
    await evict("queueing");
    await comeTo("queueing", at(2) + 61 * SECOND);
    const [run] = await runsOf("queueing");
    expect(run).toMatchObject({ outcome: "started", scheduled_at: new Date(at(1)).toISOString() });
    expect(await taskOf(run?.task_id ?? "")).toMatchObject({ scheduled_by: { at: new Date(at(1)).toISOString() } });
    expect((await scheduleOf("queueing")).waiting).toBeNull();
    expect(await alarmOf("queueing")).toBe(at(3));
  });

  test("and cannot be started when its turn comes is tried with pauses; one that came later is not blamed", async () => {
    await api("PUT", "/workflows/held-type", asking("queueing-on").workflow);
    const { at, task, open } = await held("queueing-on", "queue", { type: "held-type" });
    await comeTo("queueing-on", at(1));
    open();
    await untilEnded(task);
    vi.spyOn(WorkflowRegistry.prototype, "resolve").mockRejectedValue(new Error("what is this"));
    await comeTo("queueing-on", at(2));
    expect(await progressOf("queueing-on")).toMatchObject({ waiting: { tries: 1 }, starting: [{ at: at(2), tries: 0 }] });
    expect(await alarmOf("queueing-on")).toBe(at(2) + LIMITS.scheduleRetryMs);
  });

  test("takes its place", async () => {
    const { at, task } = await held("cancelling", "cancel_previous");
    await comeTo("cancelling", at(1));
    expect(await taskOf(task)).toMatchObject({ status: "canceled" });
    const [second] = await runsOf("cancelling");
    expect(second).toMatchObject({ outcome: "started", scheduled_at: new Date(at(1)).toISOString() });
    expect((await scheduleOf("cancelling")).running).toMatchObject([{ task_id: second?.task_id }]);
  });

  test("waits for one that has to be undone first, and gives its place to a later one", async () => {
    const holding = gate();
    await registerAgent("undoing");
    agentsAnswer(async ({ stepId }) => {
      if (stepId !== "first") await holding.passed();
      return Response.json({ output: null });
    });
    const steps = [
      { id: "first", capability: "undoing", compensate: { capability: "undoing" } },
      { id: "second", capability: "undoing", needs: ["first"] },
    ];
    await put("undoing", { overlap: "cancel_previous", task: { workflow: { steps } } });
    const at = await hoursFrom("undoing");
    await comeTo("undoing", at(0));
    const task = (await runsOf("undoing"))[0]?.task_id ?? "";
    await vi.waitUntil(() => calls.some(({ stepId }) => stepId === "second"), { interval: 5 });
    await comeTo("undoing", at(1));
    expect(await taskOf(task)).toMatchObject({ ending: "canceled" });
    expect(await scheduleOf("undoing")).toMatchObject({ waiting: { scheduled_at: new Date(at(1)).toISOString() } });
    await comeTo("undoing", at(2));
    expect((await runsOf("undoing"))[0]).toMatchObject({ outcome: "skipped", reason: { code: "superseded" } });
    holding.open();
    await untilEnded(task);
    await comeTo("undoing", at(2) + 61 * SECOND);
    expect((await runsOf("undoing"))[0]).toMatchObject({ outcome: "started", scheduled_at: new Date(at(2)).toISOString() });
  });

  test("runs beside it", async () => {
    const { at } = await held("allowing", "allow");
    await comeTo("allowing", at(1));
    expect((await scheduleOf("allowing")).running).toHaveLength(2);
    await vi.waitUntil(() => calls.length === 2, { interval: 5 });
  });
});

describe("a schedule that is paused", () => {
  test("has no alarm, runs nothing, and catches up with nothing when it goes on", async () => {
    await put("resting", { catch_up: "all" });
    const at = await hoursFrom("resting");
    await comeTo("resting", at(0));
    clockAt(at(0) + 60 * SECOND);
    const paused = await api("POST", "/schedules/resting/pause", { reason: "holiday" });
    expect(paused.body).toMatchObject({ status: "paused", pause_reason: "holiday", next_at: null, next: { length: 10 } });
    expect(await alarmOf("resting")).toBeNull();
    expect((await list.page("default", null, 100)).find(({ name }) => name === "resting")).toMatchObject({ paused: { reason: "holiday" } });
    clockAt(at(5) + 60 * SECOND);
    expect((await api("POST", "/schedules/resting/resume")).body).toMatchObject({ status: "active" });
    const [skipped, first] = await runsOf("resting");
    expect(skipped).toMatchObject({
      outcome: "skipped",
      count: 5,
      reason: { code: "paused" },
      scheduled_at: new Date(at(1)).toISOString(),
    });
    expect(first).toMatchObject({ outcome: "started" });
    expect(await alarmOf("resting")).toBe(at(6));
    await comeTo("resting", at(6));
    expect(timesOf(await runsOf("resting", "?outcome=started"))).toEqual([at(6), at(0)]);
  });

  test("still has what was due before", async () => {
    await put("just-due");
    const at = await hoursFrom("just-due");
    clockAt(at(0) + 5);
    await api("POST", "/schedules/just-due/pause");
    expect(timesOf(await runsOf("just-due", "?outcome=started"))).toEqual([at(0)]);
  });
});

describe("a schedule that is changed", () => {
  test("has new times from now on, and none of the old ones to catch up with", async () => {
    await put("moved", { catch_up: "all", overlap: "allow" });
    const at = await hoursFrom("moved");
    clockAt(at(1) + 60 * SECOND);
    await put("moved", { catch_up: "all", overlap: "allow", cron: "30 * * * *" });
    expect(timesOf(await runsOf("moved", "?outcome=started"))).toEqual([at(1), at(0)]);
    expect(await alarmOf("moved")).toBe(at(1) + HOUR / 2);
    await comeTo("moved", at(1) + HOUR / 2);
    expect(timesOf(await runsOf("moved"))[0]).toBe(at(1) + HOUR / 2);
  });

  test("runs the task that it has by then", async () => {
    await put("rewritten");
    const at = await hoursFrom("rewritten");
    await put("rewritten", { task: sayingOf("other") });
    await comeTo("rewritten", at(0));
    const task = await untilEnded((await runsOf("rewritten"))[0]?.task_id ?? "");
    expect(await resultOf(task.id)).toBe("other");
  });
});

describe("a schedule that is deleted", () => {
  test("leaves nothing behind but its tasks, and another of its name has tasks of its own", async () => {
    await put("reborn");
    const at = await hoursFrom("reborn");
    clockAt(at(0) - 10);
    await ring("reborn");
    await comeTo("reborn", at(0));
    const first = (await runsOf("reborn"))[0]?.task_id ?? "";
    expect((await removeSchedule("reborn")).status).toBe(204);
    expect(await storedOf("reborn")).toEqual({ values: "[]", tables: 0 });
    expect(await alarmOf("reborn")).toBeNull();
    expect((await api("GET", "/schedules/reborn")).status).toBe(404);
    expect(await list.page("default", null, 100)).toEqual([]);
    expect(await untilEnded(first)).toMatchObject({ status: "completed" });

    clockAt(at(0) - 10);
    await put("reborn");
    await comeTo("reborn", at(0));
    const [run] = await runsOf("reborn");
    expect(Date.parse(run?.scheduled_at ?? "")).toBe(at(0));
    expect(run?.task_id).not.toBe(first);
  });

  test("while it starts a run leaves nothing behind either", async () => {
    await put("hasty", { task: { type: "simple", message: "x" } });
    const at = await hoursFrom("hasty");
    const holding = gate();
    const resolve = vi.spyOn(WorkflowRegistry.prototype, "resolve").mockImplementationOnce(async (...asked) => {
      await holding.passed();
      return new WorkflowRegistry(drizzle(env.DB)).resolve(...asked);
    });
    clockAt(at(0));
    const ringing = ring("hasty");
    await vi.waitUntil(() => resolve.mock.calls.length === 1, { interval: 5 });
    expect((await removeSchedule("hasty")).status).toBe(204);
    holding.open();
    await ringing;
    expect(await storedOf("hasty")).toEqual({ values: "[]", tables: 0 });
    expect(await alarmOf("hasty")).toBeNull();
  });

  test("while D1 does not answer is gone all the same, and is taken off the list later", async () => {
    await put("lingering");
    vi.spyOn(ScheduleList.prototype, "remove").mockRejectedValueOnce(new Error("D1_ERROR: away"));
    expect((await removeSchedule("lingering")).status).toBe(204);
    expect((await api("GET", "/schedules/lingering")).status).toBe(404);
    expect(await list.page("default", null, 100)).toHaveLength(1);
    await ring("lingering");
    expect(await list.page("default", null, 100)).toEqual([]);
    expect(await storedOf("lingering")).toEqual({ values: "[]", tables: 0 });
  });

  test("and made anew before D1 has heard of that is on the list", async () => {
    await put("quick");
    vi.spyOn(ScheduleList.prototype, "remove").mockRejectedValueOnce(new Error("D1_ERROR: away"));
    await removeSchedule("quick");
    expect(await put("quick", { description: "anew" })).toMatchObject({ status: "active" });
    await ring("quick");
    expect(await list.page("default", null, 100)).toMatchObject([{ name: "quick", description: "anew", revision: 1 }]);
  });
});

describe("a submission", () => {
  test("that is refused is written down, and the schedule goes on", async () => {
    await api("PUT", "/workflows/short-lived", { steps: [{ id: "a", type: "transform", output: 1 }] });
    await put("stubborn", { task: { type: "short-lived" } });
    const at = await hoursFrom("stubborn");
    await api("DELETE", "/workflows/short-lived");
    for (const hour of [0, 1]) await comeTo("stubborn", at(hour));
    expect(await runsOf("stubborn")).toMatchObject([{ outcome: "failed", count: 2, task_id: null, reason: { code: "unknown_type" } }]);
    await api("PUT", "/workflows/short-lived", { steps: [{ id: "a", type: "transform", output: 2 }] });
    await comeTo("stubborn", at(2));
    expect((await runsOf("stubborn"))[0]).toMatchObject({ outcome: "started" });
  });

  test("that meets trouble is made again until it has worked, once", async () => {
    await put("troubled", { task: { type: "simple", message: "x" } });
    const at = await hoursFrom("troubled");
    const resolve = vi.spyOn(WorkflowRegistry.prototype, "resolve").mockRejectedValue(new Error("D1_ERROR: away"));
    await comeTo("troubled", at(0));
    for (let tries = 2; tries <= 8; tries++) await comeTo("troubled", ((await alarmOf("troubled")) ?? 0) + 1);
    expect(await runsOf("troubled")).toEqual([]);
    expect((await progressOf("troubled")).starting).toMatchObject([{ at: at(0), tries: 8 }]);
    expect((await alarmOf("troubled")) ?? 0).toBeLessThanOrEqual(Date.now() + LIMITS.scheduleRetryMaxMs);
    resolve.mockRestore();
    await comeTo("troubled", (await alarmOf("troubled")) ?? 0);
    expect(timesOf(await runsOf("troubled"))).toEqual([at(0)]);
  });

  test("that fails for no known reason is given up after a few times", async () => {
    await put("defective", { task: { type: "simple", message: "x" } });
    const at = await hoursFrom("defective");
    vi.spyOn(WorkflowRegistry.prototype, "resolve").mockRejectedValue(new Error("what is this"));
    await comeTo("defective", at(0));
    for (let tries = 2; tries <= LIMITS.scheduleTries; tries++) await comeTo("defective", (await alarmOf("defective")) ?? 0);
    expect(await runsOf("defective")).toMatchObject([
      { outcome: "failed", reason: { code: "internal", message: expect.stringContaining("what is this") } },
    ]);
    expect(await alarmOf("defective")).toBe(at(1));
  });

  test("that meets trouble for long holds back a bounded number of others", async () => {
    await put("held-up", { task: { type: "simple", message: "x" }, catch_up: "all" });
    const at = await hoursFrom("held-up");
    vi.spyOn(WorkflowRegistry.prototype, "resolve").mockRejectedValue(new Error("D1_ERROR: away"));
    for (let hour = 0; hour < LIMITS.scheduleStarts + 5; hour++) await comeTo("held-up", at(hour));
    expect((await progressOf("held-up")).starting).toHaveLength(LIMITS.scheduleStarts);
  });
});

describe("a run by hand", () => {
  const trigger = (name: string, body: object = {}, key?: string) =>
    api("POST", `/schedules/${name}/trigger`, body, key === undefined ? {} : { "idempotency-key": key });

  test("is beside the times, once under a key, also while the schedule is paused", async () => {
    await put("by-hand", { paused: true });
    const first = await trigger("by-hand", {}, "k1");
    expect(first).toMatchObject({ status: 202, body: { outcome: "started", task_id: expect.stringMatching(/^task_/) } });
    expect((await trigger("by-hand", {}, "k1")).body).toEqual(first.body);
    await untilEnded(String(first.body["task_id"]));
    const second = await trigger("by-hand");
    expect(second.body["task_id"]).not.toBe(first.body["task_id"]);
    expect(await runsOf("by-hand")).toMatchObject([{ triggered: true }, { triggered: true }]);
    expect(await alarmOf("by-hand")).toBeNull();
    expect(await resultOf(String(first.body["task_id"]))).toBe(first.body["scheduled_at"]);
  });

  test("that would overlap is refused, unless it may", async () => {
    const holding = gate();
    await registerAgent("busy");
    agentsAnswer(async () => {
      await holding.passed();
      return Response.json({ output: null });
    });
    await put("busy", { task: asking("busy") });
    expect((await trigger("busy")).status).toBe(202);
    const refused = await trigger("busy");
    expect(refused).toMatchObject({ status: 409, body: { code: "run_overlaps", detail: expect.stringContaining("was still running") } });
    expect((await trigger("busy", { overlap: "allow" })).body).toMatchObject({ outcome: "started" });
    expect((await scheduleOf("busy")).running).toHaveLength(2);
    holding.open();
  });

  test("that waits says so, and whoever pauses the schedule sends it away", async () => {
    const holding = gate();
    await registerAgent("patient");
    agentsAnswer(async () => {
      await holding.passed();
      return Response.json({ output: null });
    });
    await put("patient", { task: asking("patient"), overlap: "queue" });
    await trigger("patient");
    expect((await trigger("patient", {}, "waits")).body).toMatchObject({ outcome: "waiting", task_id: null });
    await api("POST", "/schedules/patient/pause");
    expect((await trigger("patient", {}, "waits")).body).toMatchObject({ code: "run_overlaps" });
    expect((await runsOf("patient"))[0]).toMatchObject({ outcome: "skipped", triggered: true, reason: { code: "paused" } });
    expect(await alarmOf("patient")).toBeNull();
    holding.open();
  });

  test("whose task is refused is refused", async () => {
    await api("PUT", "/workflows/fleeting", { steps: [{ id: "a", type: "transform", output: 1 }] });
    await put("refused", { task: { type: "fleeting" } });
    await api("DELETE", "/workflows/fleeting");
    expect(await trigger("refused")).toMatchObject({ status: 404, body: { code: "unknown_type" } });
  });
});

describe("the list", () => {
  test("that could not be written follows later", async () => {
    await put("listed");
    vi.spyOn(ScheduleList.prototype, "put").mockRejectedValueOnce(new Error("D1_ERROR: away"));
    expect((await api("POST", "/schedules/listed/pause")).body).toMatchObject({ status: "paused" });
    expect(await list.page("default", null, 10)).toMatchObject([{ name: "listed", paused: null }]);
    expect(await alarmOf("listed")).not.toBeNull();
    await ring("listed");
    expect(await list.page("default", null, 10)).toMatchObject([{ name: "listed", paused: {} }]);
    expect(await alarmOf("listed")).toBeNull();
  });

  test("that is as it was before a schedule was made has it again as soon as somebody reads, steers, deletes or puts it", async () => {
    const lost = (name: string) => env.DB.prepare("DELETE FROM schedules WHERE name = ?").bind(name).run();
    const asks: readonly (readonly [string, string, object?])[] = [
      ["GET", ""],
      ["POST", "/pause", {}],
      ["POST", "/resume", {}],
      ["POST", "/trigger", {}],
      ["PUT", "", { cron: "0 * * * *", task: ECHO }],
    ];
    await put("restored");
    for (const [method, path, body] of asks) {
      await lost("restored");
      const { status } = await api(method, `/schedules/restored${path}`, body);
      expect([200, 202], `${method} ${path}`).toContain(status);
      expect(await list.page("default", null, 10), `${method} ${path}`).toMatchObject([{ name: "restored" }]);
    }
    await lost("restored");
    expect((await removeSchedule("restored")).status).toBe(204);
    expect(await list.page("default", null, 10)).toEqual([]);
    expect(await storedOf("restored")).toEqual({ values: "[]", tables: 0 });
  });

  test("that cannot be asked makes no schedule, now or later", async () => {
    const away = vi.spyOn(ScheduleList.prototype, "put").mockRejectedValue(new Error("D1_ERROR: away"));
    expect(await api("PUT", "/schedules/unlisted", { every: "1h", task: ECHO })).toMatchObject({
      status: 503,
      body: { code: "unavailable" },
    });
    expect((await api("GET", "/schedules/unlisted")).status).toBe(404);
    away.mockRestore();
    await ring("unlisted");
    expect(await storedOf("unlisted")).toEqual({ values: "[]", tables: 0 });
    expect(await list.page("default", null, 10)).toEqual([]);
  });

  test("has a schedule before anybody is told that there is one, also who puts it again because the object was gone", async () => {
    const listing = vi.spyOn(ScheduleList.prototype, "put").mockImplementationOnce(() => new Promise(() => undefined));
    const putting = put("interrupted");
    await vi.waitUntil(() => listing.mock.calls.length === 1, { interval: 5 });
    await abortAllDurableObjects();
    expect(await putting).toMatchObject({ name: "interrupted", status: "active" });
    expect(await scheduleOf("interrupted")).toMatchObject({ status: "active" });
  });

  test("has room for so many and no more, however many come at once", async () => {
    const head = JSON.stringify({ v: 1, name: "filler" });
    await env.DB.prepare(
      `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${LIMITS.schedulesPerTenant - 2})
       insert into schedules (tenant, name, head) select 'default', 'filler-' || i, ? from n`,
    )
      .bind(head)
      .run();
    const names = ["x1", "x2", "x3", "x4"];
    for (const name of names) made.add(name);
    const answers = await Promise.all(names.map((name) => api("PUT", `/schedules/${name}`, { every: "1h", task: ECHO })));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 422, 422]);
    const refused = names[answers.findIndex(({ status }) => status === 422)] ?? "";
    expect(await storedOf(refused)).toEqual({ values: "[]", tables: 0 });
    expect((await api("GET", `/schedules/${refused}`)).status).toBe(404);
    const kept = names[answers.findIndex(({ status }) => status === 201)] ?? "";
    expect(await put(kept, { description: "changed" })).toMatchObject({ status: "active" });
    await env.DB.prepare("delete from schedules where name like 'filler-%'").run();
  });
});

test("a log keeps the latest thousand", async () => {
  const kept = await runInDurableObject(scheduleStub("logged"), (_, { storage }) => {
    const log = new RunLog(storage.sql);
    for (let at = 1; at <= LIMITS.scheduleRunsKept + 2 * LIMITS.scheduleRunsPerTrim; at++)
      log.add({ at, until: at, count: 1, isMore: false, outcome: "started", key: null, task: `t${at}`, reason: null }, at);
    const all = log.list(undefined, null, 10_000).map(({ at }) => at);
    log.clear();
    return all;
  });
  expect(kept).toHaveLength(LIMITS.scheduleRunsKept);
  expect(kept[0]).toBe(LIMITS.scheduleRunsKept + 2 * LIMITS.scheduleRunsPerTrim);
});
