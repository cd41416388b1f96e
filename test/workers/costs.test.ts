/** What tasks cost that others do not see: how often they wake, what they write, and that neither grows with time. */
import {
  abortAllDurableObjects,
  evictAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { ArchiveStore } from "../../src/tasks/history/archive-store.ts";
import { drive, familyOf, hasEnded, type Family } from "./family.ts";
import { agentsAnswer, api, calls, clockAhead, registerAgent, resultOf, stubOf, submit, untilEnded } from "./harness.ts";

const [SECOND, MINUTE, DAY] = [1_000, 60_000, 86_400_000];
const list = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

interface Cost {
  readonly rowsWritten: number;
  readonly alarmsSet: number;
}

/** What the object's present instance has cost so far. */
async function costOf(id: string): Promise<Cost> {
  return runInDurableObject(stubOf(id), (instance) => (instance as unknown as { readonly cost: Cost }).cost);
}

/** Until so much time has passed, everything evicted again and again, as it is when nothing goes on. */
function passing(ms: number): { readonly act: () => Promise<void>; readonly isOver: () => boolean } {
  const from = Date.now();
  return { act: () => evictAllDurableObjects().catch(() => undefined), isOver: () => Date.now() - from >= ms };
}

describe("a task that waits", () => {
  test("for others wakes after half a minute, and then less and less often; they do not", async () => {
    await registerAgent("slow", { dispatch: "inline" });
    agentsAnswer(() => new Response(null, { status: 202 }));
    const steps = [
      { id: "wide", type: "map", over: "input.list", steps: [{ id: "pick", capability: "slow", when: "item % 70 == 0", timeout: "20d" }] },
    ];
    const id = await submit({ workflow: { steps }, input: { list: list(201) } });
    const isBusy = (family: Family): boolean =>
      [...family.values()].flatMap(({ events }) => events).filter(({ type }) => type === "attempt.claimed").length === 3;
    await drive(id, { isOver: isBusy });
    const { family, rings } = await drive(id, passing(3 * 60 * MINUTE));
    const woken = rings.get("root") ?? [];
    const pauses = woken.slice(1).map((at, index) => (at - (woken[index] as number)) / SECOND);
    expect(pauses.slice(0, 5)).toEqual([30, 60, 120, 240, 480]);
    expect(new Set(pauses.slice(5))).toEqual(new Set([600]));
    // Once, to see whether what they had sent has arrived.
    for (const [role, moments] of rings) if (role !== "root") expect(moments.length, role).toBeLessThanOrEqual(1);
    expect([...family.values()].map(({ events }) => events.length)).toEqual(
      [...(await familyOf(id)).values()].map(({ events }) => events.length),
    );
  });

  test("for a month wakes once, and before to see that it is listed, however often its object comes and goes", async () => {
    const id = await submit({ workflow: { steps: [{ id: "month", type: "wait", for: "30d" }] } });
    const dueAt = Date.now() + 30 * DAY;
    for (let restart = 0; restart < 10; restart++) {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * DAY });
      await (restart % 2 === 0 ? abortAllDurableObjects() : evictDurableObject(stubOf(id)).catch(() => undefined));
      expect((await api("GET", `/tasks/${id}/status`)).body).toMatchObject({ status: "waiting", waiting_on: { type: "timer" } });
    }
    const { rings } = await drive(id, { isOver: (family) => [...family.values()].every(hasEnded) });
    expect(rings.get("root")).toHaveLength(2);
    expect(Math.abs((rings.get("root")?.[1] ?? 0) - dueAt)).toBeLessThan(5 * SECOND);
    const result = (await resultOf(id)) as { month: { waited_until: string } };
    expect(Math.abs(Date.parse(result.month.waited_until) - dueAt)).toBeLessThan(5 * SECOND);
  });

  test("while it is paused, and for nobody, does not wake any more once it is listed so", async () => {
    const id = await submit({ workflow: { steps: [{ id: "hear", type: "signal", name: "go" }] } });
    await api("POST", `/tasks/${id}/pause`);
    const alarmAt = () => runInDurableObject(stubOf(id), (_, { storage }) => storage.getAlarm());
    clockAhead(((await alarmAt()) ?? 0) - Date.now());
    await runDurableObjectAlarm(stubOf(id));
    expect(await alarmAt()).toBeNull();
    await evictDurableObject(stubOf(id));
    expect((await api("GET", `/tasks/${id}/status`)).body).toMatchObject({ status: "paused" });
    expect(await alarmAt()).toBeNull();
  });
});

test("a task that cannot be put away tries again less and less often", async () => {
  const history = vi.spyOn(ArchiveStore.prototype, "write").mockRejectedValue(new Error("D1 is away"));
  await registerAgent("one");
  const id = await submit({ workflow: { steps: [{ id: "one", capability: "one" }] } });
  const { rings } = await drive(id, passing(3 * 60 * MINUTE));
  const woken = rings.get("root") ?? [];
  const pauses = woken.slice(1).map((at, index) => (at - (woken[index] as number)) / SECOND);
  expect(pauses.slice(0, 5)).toEqual([30, 60, 120, 240, 480]);
  expect(new Set(pauses.slice(5))).toEqual(new Set([600]));
  history.mockRestore();
  const { family } = await drive(id);
  expect(family.get("root")?.events.filter(({ type }) => type === "task.archived")).toHaveLength(1);
});

test("a map that has failed is through with its other parts as soon as they know", async () => {
  await registerAgent("slow", { dispatch: "inline" });
  agentsAnswer(({ stepId }) =>
    stepId.startsWith("wide[0]") ? Response.json({ code: "no", message: "no" }, { status: 400 }) : new Response(null, { status: 202 }),
  );
  const steps = [
    {
      id: "wide",
      type: "map",
      over: "input.list",
      on_error: "continue",
      on_item_failure: "cancel",
      steps: [{ id: "pick", capability: "slow", when: "item % 70 == 0", timeout: "20d" }],
    },
    { id: "month", type: "wait", for: "30d", needs: ["wide"], run_if: "all_settled" },
  ];
  const id = await submit({ workflow: { steps }, input: { list: list(201) } });
  const { rings } = await drive(id, { isOver: (family) => [...family.values()].every(hasEnded) });
  expect(rings.get("root")?.length).toBeLessThanOrEqual(3);
});

describe("rows", () => {
  test("of a wide map by queue are two for an item", { timeout: 60_000 }, async () => {
    await registerAgent("item", { dispatch: "queue" });
    agentsAnswer(({ input }) => Response.json({ output: input }));
    const items = 201;
    const steps = [
      {
        id: "wide",
        type: "map",
        over: "input.list",
        steps: [{ id: "do", capability: "item", input: "${ item }" }],
        output: "${ steps.do.output }",
      },
    ];
    const id = await submit({ workflow: { steps, output: "${ steps.wide.output }" }, input: { list: list(items) } });
    await vi.waitUntil(async () => (await api("GET", `/tasks/${id}/status`)).body["status"] === "completed", {
      timeout: 50_000,
      interval: 100,
    });
    expect(await resultOf(id)).toEqual(list(items));
    const costs = await Promise.all([...(await familyOf(id)).values()].map(({ id: member }) => costOf(member)));
    const rows = costs.reduce((sum, { rowsWritten, alarmsSet }) => sum + rowsWritten + alarmsSet, 0);
    expect(rows / items).toBeLessThanOrEqual(2.2);
    expect(calls).toHaveLength(items);
  });

  test("of timers are one, and one alarm, for each that fires", async () => {
    const timers = 20;
    const steps = list(timers).map((index) => ({ id: `t${index}`, type: "wait", for: `${(index + 1) * 60}s` }));
    const id = await submit({ workflow: { steps } });
    const before = await costOf(id);
    const { rings } = await drive(id, { isOver: (family) => [...family.values()].every(hasEnded) });
    const after = await costOf(id);
    // And one, to see that the task is listed.
    expect(rings.get("root")).toHaveLength(timers + 1);
    expect((after.rowsWritten - before.rowsWritten) / timers).toBeLessThanOrEqual(1);
    expect((after.alarmsSet - before.alarmsSet) / timers).toBeLessThanOrEqual(1.1);
  });
});

describe("ten thousand steps", { timeout: 60_000 }, () => {
  test("in one task go on where they were, although their object dies in the middle", async () => {
    await registerAgent("middle", { dispatch: "inline" });
    let isThere = false;
    agentsAnswer(async () => {
      if (!isThere) await scheduler.wait(60_000);
      return Response.json({ output: 5_000 });
    });
    const sum = (id: string, before: string) => ({ id, type: "transform", output: `\${ steps.${before}.output + 1 }` });
    const steps = [
      { id: "s0", type: "transform", output: "${ 0 }" },
      ...list(4_999).map((index) => sum(`s${index + 1}`, `s${index}`)),
      { id: "m", capability: "middle", needs: ["s4999"] },
      ...list(4_999).map((index) => sum(`t${index}`, index === 0 ? "m" : `t${index - 1}`)),
    ];
    const id = await submit({ workflow: { steps, output: "${ steps.t4998.output }" } });
    await vi.waitUntil(() => calls.length === 1, { timeout: 20_000 });
    await abortAllDurableObjects();
    isThere = true;
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await resultOf(id)).toBe(9_999);
    expect(calls.map(({ key }) => key)).toEqual([`${id}/m/1`, `${id}/m/1`]);
  });

  test("in many tasks come together, although all of them die in the middle", async () => {
    const steps = [
      {
        id: "wide",
        type: "map",
        over: "input.list",
        steps: [
          { id: "one", type: "transform", output: "${ item + 1 }" },
          { id: "two", type: "transform", output: "${ steps.one.output * 2 }" },
        ],
        output: "${ steps.two.output }",
      },
    ];
    const items = list(5_000);
    const id = await submit({ workflow: { steps, output: "${ steps.wide.output.filter(n, n % 1000 == 0) }" }, input: { list: items } });
    for (const share of [10, 30]) {
      const hasCome = (family: Family): boolean =>
        (family.get("root")?.events.filter(({ type }) => type === "child.ended").length ?? 0) >= share;
      await drive(id, { isOver: hasCome });
      await abortAllDurableObjects();
    }
    const { family } = await drive(id, { isOver: (all) => [...all.values()].every(hasEnded) });
    expect(family.size).toBe(51);
    expect(await resultOf(id)).toEqual(items.map((item) => 2 * (item + 1)).filter((n) => n % 1_000 === 0));
  });
});
