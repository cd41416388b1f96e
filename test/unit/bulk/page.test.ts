/** Orders over tasks whose rows come late, whose status is another than their row says, and which do not answer. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/bulk/limits.ts";
import type { Order, Page, Progress } from "../../../src/bulk/order.ts";
import { workPage, type BulkPorts } from "../../../src/bulk/page.ts";
import { rejection } from "../../../src/shared/errors.ts";
import { err, ok } from "../../../src/shared/result.ts";
import type { TaskHead } from "../../../src/tasks/views/view.ts";

interface Task {
  readonly id: string;
  readonly createdAt: number;
  /** When its row is there, and when its end is in that. */
  readonly listedAt: number;
  status: TaskHead["status"];
  rowStatus: TaskHead["status"];
}

const START = 1_000_000;

function service(tasks: readonly Task[]) {
  const clock = { now: START };
  const acted = new Map<string, number>();
  const head = ({ id, createdAt, rowStatus }: Task) =>
    ({ id, status: rowStatus, created_at: new Date(createdAt).toISOString() }) as unknown as TaskHead;
  const ports: BulkPorts = {
    list: async (filter, statuses, after, limit) =>
      tasks
        .filter(
          ({ id, createdAt, listedAt, rowStatus }) =>
            listedAt <= clock.now &&
            createdAt < (filter.createdBefore ?? 0) &&
            statuses.includes(rowStatus) &&
            (after === null || createdAt < after.createdAt || (createdAt === after.createdAt && id < after.id)),
        )
        .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1))
        .slice(0, limit)
        .map(head),
    statusOf: async (id) => tasks.find((task) => task.id === id)?.status ?? null,
    isRetried: async () => false,
    isListed: async () => true,
    act: async (_, id) => {
      const task = tasks.find((one) => one.id === id);
      if (task === undefined || task.status === "completed") return err(rejection("invalid_state", "over"));
      if (task.status !== "canceled") acted.set(id, (acted.get(id) ?? 0) + 1);
      task.status = "canceled";
      return ok(null);
    },
  };
  return { clock, acted, ports };
}

/** Carries the order out; `repeats`: pages that are done twice, the second time as if the first had been lost. */
async function carriedOut(order: Order, { clock, ports }: ReturnType<typeof service>, repeats: ReadonlySet<number> = new Set()) {
  let previous: Page | null = null;
  for (let pages = 1; pages < 1_000; pages++) {
    if (repeats.has(pages)) await workPage(order, previous, "self", ports, true, () => clock.now);
    const page: Page = JSON.parse(JSON.stringify(await workPage(order, previous, "self", ports, true, () => clock.now))) as Page;
    if (page.next === null) return { progress: page.progress, pages };
    clock.now = page.resume_at === null ? clock.now + 5 : Math.max(clock.now, Date.parse(page.resume_at));
    previous = page;
  }
  throw new Error("it does not end");
}

const CANCEL: Order = { action: "cancel", filter: {} };

const someTask = fc.record({
  createdAt: fc.integer({ min: START - 2_000, max: START - 1 }),
  lateMs: fc.integer({ min: 0, max: 35_000 }),
  status: fc.constantFrom("waiting" as const, "running" as const, "paused" as const),
  rowStatus: fc.constantFrom("waiting" as const, "running" as const, "queued" as const),
});

describe("an order", () => {
  test("does each task once, whenever its row comes and whatever that says, and counts it once, also where pages are repeated", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someTask, { maxLength: 150 }), fc.array(fc.integer({ min: 1, max: 8 })), async (some, repeats) => {
        const tasks: Task[] = some.map((task, index) => ({ ...task, id: `t${index}`, listedAt: task.createdAt + task.lateMs }));
        const it = service(tasks);
        const { progress } = await carriedOut(CANCEL, it, new Set(repeats));
        expect(progress satisfies Progress).toEqual({ seen: tasks.length, done: tasks.length, skipped: 0, failed: 0, errors: [] });
        expect([...it.acted.values()].every((times) => times === 1)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("by status goes by what the tasks say themselves", async () => {
    const task = (id: string, status: Task["status"], rowStatus: Task["rowStatus"]): Task => ({
      id,
      createdAt: START - 10,
      listedAt: START,
      status,
      rowStatus,
    });
    const it = service([task("a", "waiting", "running"), task("b", "running", "waiting"), task("c", "completed", "waiting")]);
    const { progress } = await carriedOut({ action: "cancel", filter: { status: "waiting" } }, it);
    expect([...it.acted.keys()]).toEqual(["a"]);
    expect(progress).toMatchObject({ seen: 1, done: 1 });
  });

  test("stays open for as long as rows may be owed, and anew where the service was away; one over older tasks does not", async () => {
    const it = service([]);
    await carriedOut(CANCEL, it);
    expect(it.clock.now - START).toBeGreaterThanOrEqual(LIMITS.bulkOpenMs);
    const away = service([]);
    const first = await workPage(CANCEL, null, "self", away.ports, true, () => START);
    const late = START + 3_600_000;
    const back = await workPage(CANCEL, first, "self", away.ports, true, () => late);
    expect(Date.parse(back.resume_at ?? "")).toBeGreaterThanOrEqual(late + LIMITS.bulkOpenMs);
    const old = { action: "cancel", filter: { created_before: new Date(START - LIMITS.bulkOpenMs).toISOString() } } as const;
    expect(await workPage(old, null, "self", away.ports, true, () => START)).toMatchObject({ next: null });
  });

  test("that the list does not even have is not over: it takes nothing at the moment", async () => {
    const it = service([]);
    let isListed = false;
    const ports = { ...it.ports, isListed: async () => isListed };
    const old: Order = { action: "cancel", filter: { created_before: new Date(START - LIMITS.bulkOpenMs).toISOString() } };
    const page = await workPage(old, null, "self", ports, true, () => START);
    expect(page.resume_at).not.toBeNull();
    isListed = true;
    expect(await workPage(old, page, "self", ports, true, () => START + LIMITS.bulkSweepMs)).toMatchObject({ next: null });
  });

  test("says of a task that never answers that it failed, once", async () => {
    const it = service([{ id: "a", createdAt: START - 1, listedAt: START, status: "waiting", rowStatus: "waiting" }]);
    const silent = { ...it.ports, statusOf: () => Promise.reject(new Error("away")) };
    const { progress } = await carriedOut(CANCEL, { ...it, ports: silent });
    expect(progress).toMatchObject({ seen: 1, done: 0, failed: 1, errors: [{ task_id: "a", code: "unavailable" }] });
  });

  test("that began before orders could stay open looks once, from where it was", async () => {
    const it = service([{ id: "a", createdAt: START - 1, listedAt: START, status: "paused", rowStatus: "paused" }]);
    const previous = {
      progress: { seen: 1, done: 1, skipped: 0, failed: 0, errors: [] },
      next: { before: START, status: 1, after: null },
      resume_at: null,
    };
    const found = await workPage(CANCEL, previous, "self", it.ports, false, () => START);
    expect(found.resume_at).toBeNull();
    expect(await workPage(CANCEL, found, "self", it.ports, false, () => START)).toMatchObject({
      progress: { seen: 2, done: 2 },
      next: null,
    });
  });
});
