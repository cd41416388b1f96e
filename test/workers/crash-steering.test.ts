/**
 * Canceling, pausing, deadlines and failures while a task has others at work, interrupted at every moment from there on:
 * all of them hear of it, whoever dies, and none is left behind.
 */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { LIMITS } from "../../src/language/limits.ts";
import { TaskObject } from "../../src/tasks/object/task-object.ts";
import { drive, essenceOf, familyOf, hasEnded, insistently, isPutAway, type Family } from "./family.ts";
import { agentsAnswer, api, calls, clockAhead, registerAgent, resultOf, stubOf, submit, taskOf, type Asked } from "./harness.ts";
import { atEvery, CALL_MOMENTS, interrupted, momentCounts, seldom, type Choice, type Moment } from "./interruptions.ts";

const MINUTE = 60_000;

/** A map of more items than one task has, some of which take long; and a task of another workflow. */
const wide = (more: object = {}) => ({
  id: "wide",
  type: "map",
  over: "input.list",
  steps: [
    { id: "pick", capability: "slow", when: "item % 70 == 0", timeout: "20d" },
    { id: "value", type: "transform", needs: ["pick"], run_if: "all_settled", output: "${ item }" },
  ],
  output: "${ steps.value.output }",
  ...more,
});
const sub = { id: "sub", type: "workflow", workflow: "steered" };
const steered = {
  steps: [
    { id: "taken", capability: "quick", compensate: { capability: "quick" } },
    { id: "hold", capability: "slow", timeout: "20d", needs: ["taken"] },
    { id: "close", capability: "quick", needs: ["hold"] },
  ],
};
const input = { list: Array.from({ length: 201 }, (_, index) => index) };

let prepared: Promise<void> | null = null;
const prepare = (): Promise<void> =>
  (prepared ??= (async () => {
    await registerAgent("slow", { dispatch: "inline" });
    await registerAgent("quick", { dispatch: "inline" });
    await api("PUT", "/workflows/steered", steered);
  })());

const work = ({ stepId }: Asked): Response =>
  /pick|hold/.test(stepId) ? new Response(null, { status: 202 }) : Response.json({ output: stepId });

/** Starts a task and waits until everything in it that takes long has begun. */
async function busy(steps: readonly object[], slow: number, more: object = {}): Promise<string> {
  await prepare();
  calls.length = 0;
  agentsAnswer(work);
  const id = await submit({ workflow: { steps }, input, ...more });
  const isBusy = (family: Family): boolean =>
    [...family.values()].flatMap(({ events }) => events).filter(({ type }) => type === "attempt.claimed").length === slow;
  await drive(id, { isOver: isBusy });
  return id;
}

/** What takes long is through. */
async function callBack(step: RegExp, reply: "complete" | "fail", body: object): Promise<void> {
  for (const { stepId, callbackUrl } of calls.filter(({ stepId }) => step.test(stepId))) {
    const path = new URL(callbackUrl).pathname.replace("/api/v1", "");
    expect(await insistently("POST", `${path}/${reply}`, body), stepId).toBe(200);
  }
}

const statusesOf = (family: Family): Readonly<Record<string, string>> =>
  Object.fromEntries([...family].map(([role, { task }]) => [role, task.status]));

/** Does it undisturbed, and then with objects ending at every moment of what it does. */
async function always<T>(begin: () => Promise<string>, action: (id: string) => Promise<T>): Promise<void> {
  const run = async (at: Choice): Promise<readonly [T, ReadonlyMap<Moment, number>]> => {
    const id = await begin();
    return interrupted(at, async () => [await action(id), momentCounts()] as const);
  };
  const [expected, counts] = await run(() => false);
  for (const name of ["commit", ...CALL_MOMENTS]) {
    await atEvery(name, counts.get(name) ?? 0, name === "commit" ? 4 : 1, async (at) => {
      const [came] = await run(at);
      expect(came, name).toEqual(expected);
    });
  }
  expect((await run(seldom(1, 0.3, 20)))[0], "now and then").toEqual(expected);
}

describe("a task that is canceled while others work for it", { timeout: 120_000 }, () => {
  test("ends with all of them, and what they did is undone", async () => {
    await always(
      () => busy([wide(), sub], 4),
      async (id) => {
        expect(await insistently("POST", `/tasks/${id}/cancel`, { reason: "enough" })).toBe(200);
        const { family } = await drive(id);
        expect(statusesOf(family)).toEqual({
          root: "canceled",
          "root/wide/0": "canceled",
          "root/wide/1": "canceled",
          "root/wide/2": "completed",
          "root/sub/0": "canceled",
        });
        return essenceOf(family);
      },
    );
  });

  test("ends with them also where one was on its way only", async () => {
    await prepare();
    agentsAnswer(work);
    // The cancellation overtakes the beginning of what it cancels.
    const begin = Object.getOwnPropertyDescriptor(TaskObject.prototype, "begin")?.value as TaskObject<unknown>["begin"];
    vi.spyOn(TaskObject.prototype, "begin").mockImplementation(async function (this: TaskObject<unknown>, ...args) {
      await scheduler.wait(50);
      return begin.apply(this, args);
    });
    const id = await submit({ workflow: { steps: [sub] } });
    await api("POST", `/tasks/${id}/cancel`);
    const { family } = await drive(id);
    expect(statusesOf(family)).toEqual({ root: "canceled", "root/sub/0": "canceled" });
  });
});

describe("a task that is paused while others work for it", { timeout: 120_000 }, () => {
  const isHeldUp = (family: Family): boolean => [...family.values()].every((one) => hasEnded(one) || one.task.status === "paused");

  test("holds them up, whoever dies, and goes on with them", async () => {
    await always(
      () => busy([wide(), sub, { id: "last", capability: "quick", needs: ["wide", "sub"] }], 4),
      async (id) => {
        expect([200, 409]).toContain(await insistently("POST", `/tasks/${id}/pause`, {}));
        await drive(id, { isOver: isHeldUp });
        await callBack(/pick|hold/, "complete", { output: "late" });
        const { family: held } = await drive(id, { isOver: isHeldUp });
        expect(statusesOf(held)).toMatchObject({
          root: "paused",
          "root/wide/0": "paused",
          "root/wide/1": "paused",
          "root/sub/0": "paused",
        });
        expect([200, 409]).toContain(await insistently("POST", `/tasks/${id}/resume`, {}));
        const { family } = await drive(id);
        expect(await resultOf(id)).toEqual({ last: "last" });
        return essenceOf(family);
      },
    );
  });

  test("holds them up within half a minute, although it had slept for hours and dies before it has told anybody", async () => {
    const id = await busy([wide(), sub], 4);
    const startedAt = Date.now();
    await drive(id, { isOver: () => Date.now() - startedAt > 180 * MINUTE });
    await interrupted(
      (moment) => moment === "commit" && momentCounts().get(moment) === 1,
      async () => {
        const pausedAt = Date.now();
        await insistently("POST", `/tasks/${id}/pause`, {});
        await drive(id, { isOver: isHeldUp });
        expect(Date.now() - pausedAt).toBeLessThanOrEqual(MINUTE / 2);
      },
    );
  });

  test("leaves alone what somebody paused itself, and has nobody else take its pause back", async () => {
    const id = await busy([wide(), sub], 4);
    const child = async (step: string): Promise<string> => (await familyOf(id)).get(`root/${step}/0`)?.id ?? "";
    const [part, other] = [await child("wide"), await child("sub")];
    const heads = async (): Promise<readonly string[]> => [(await taskOf(part)).status, (await taskOf(other)).status];
    await api("POST", `/tasks/${other}/pause`);
    await api("POST", `/tasks/${id}/pause`);
    await vi.waitUntil(async () => (await heads()).join() === "paused,paused", { timeout: 5_000 });
    const refused = await api<{ code: string; detail: string }>("POST", `/tasks/${part}/resume`);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "invalid_state", detail: expect.stringContaining("the one that started it") },
    });
    await api("POST", `/tasks/${id}/resume`);
    await vi.waitUntil(async () => (await heads()).join() === "running,paused", { timeout: 5_000 });
    expect((await api<TaskHead>("POST", `/tasks/${other}/resume`)).body).toMatchObject({ status: "running" });
    await api("POST", `/tasks/${id}/cancel`);
    await drive(id);
  });

  test("cancels what undoes something, which then is not held up", async () => {
    const id = await busy([sub], 1);
    await api("POST", `/tasks/${id}/pause`);
    await drive(id, { isOver: (family) => family.get("root/sub/0")?.task.status === "paused" });
    await api("POST", `/tasks/${id}/cancel`);
    const { family } = await drive(id);
    expect(family.get("root/sub/0")?.task).toMatchObject({
      status: "canceled",
      compensations: [{ step_id: "taken", status: "completed" }],
    });
  });
});

test("a deadline ends a task and all that work for it, whoever dies", { timeout: 120_000 }, async () => {
  await always(
    () => busy([wide(), sub], 4, { deadline: "5m" }),
    async (id) => {
      const { family } = await drive(id);
      expect(family.get("root")?.task).toMatchObject({ status: "timed_out", error: { code: "deadline_exceeded" } });
      // Whether they see the deadline themselves or are told first, they end.
      return Object.values(statusesOf(family)).map((status) => (status === "completed" ? status : "ended"));
    },
  );
});

test("a map that fails ends its other parts soon, although its task goes on for a month", { timeout: 120_000 }, async () => {
  const steps = [
    wide({ on_error: "continue", on_item_failure: "cancel" }),
    { id: "month", type: "wait", for: "30d", needs: ["wide"], run_if: "all_settled" },
  ];
  await always(
    () => busy(steps, 3),
    async (id) => {
      const failedAt = Date.now();
      await callBack(/wide\[0\]\/pick/, "fail", { code: "broken", message: "for good", retryable: false });
      const { family: soon } = await drive(id, {
        isOver: (family) => [...family].every(([role, one]) => role === "root" || hasEnded(one)),
      });
      expect(statusesOf(soon)).toMatchObject({ "root/wide/0": "failed", "root/wide/1": "canceled", "root/wide/2": "completed" });
      expect(Date.now() - failedAt).toBeLessThan(15 * MINUTE);
      const { family } = await drive(id);
      return essenceOf(family);
    },
  );
});

describe("a task whose children's ends were never heard of, and whose objects are gone", () => {
  /** The news is lost although it was acknowledged: nothing of ours does that, and still nobody may wait for ever. */
  const lostNews = () => vi.spyOn(TaskObject.prototype, "childEnded").mockResolvedValue(undefined);

  test("finds what they came to in history, or has them do it again", { timeout: 30_000 }, async () => {
    const id = await busy([wide(), sub], 4);
    const news = lostNews();
    await callBack(/pick|hold/, "complete", { output: "late" });
    const isOver = (family: Family): boolean => [...family].every(([role, one]) => role === "root" || isPutAway(one));
    const { family } = await drive(id, { isOver });
    clockAhead(LIMITS.durationMs);
    for (const [role, { id: child }] of family) {
      if (role === "root") continue;
      await runDurableObjectAlarm(stubOf(child));
      const isGone = await runInDurableObject(
        stubOf(child),
        (_, { storage }) => storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'journal'").toArray().length === 0,
      );
      expect(isGone, role).toBe(true);
    }
    news.mockRestore();
    const again = async (): Promise<void> => callBack(/pick/, "complete", { output: "late" }).catch(() => undefined);
    await drive(id, { act: again });
    expect(await resultOf(id)).toEqual({ wide: input.list, sub: { close: "close" } });
  });
});
