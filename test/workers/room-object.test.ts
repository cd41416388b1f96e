/** What every room's object stands on: all or nothing, alarms that are never lost, nothing left behind. */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ground, type Ground } from "./ground-object.ts";
import { LIMITS } from "../../src/objects/limits.ts";

const HOUR = 3_600_000;
let count = 0;
let id = "";
const stub = () => (env as unknown as { GROUND: DurableObjectNamespace<Ground> }).GROUND.getByName(id);
const inside = <T>(work: (object: Ground, state: DurableObjectState) => T | Promise<T>) => runInDurableObject(stub(), work);
const alarmAt = () => inside((_, { storage }) => storage.getAlarm());
const ring = () => runDurableObjectAlarm(stub());
/** Everything that is stored, the runtime's own tables aside. */
const stored = () =>
  inside((_, { storage }) => [
    ...[...storage.kv.list()].map(([key]) => key),
    ...storage.sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
  ]);

beforeEach(() => {
  id = `ground-${count++}`;
  ground.isConfigured = true;
  ground.work = () => undefined;
  vi.useFakeTimers({ toFake: ["Date"] });
});

afterEach(async () => {
  vi.useRealTimers();
  await abortAllDurableObjects();
});

describe("a change", () => {
  test("is stored with the alarm that it means", async () => {
    const at = Date.now() + HOUR;
    await inside((object) => object.note("a", at));
    expect(await alarmAt()).toBe(at);
    await evictDurableObject(stub());
    expect(await inside(({ notes }) => notes)).toEqual(["a"]);
  });

  test("that throws in the middle leaves nothing, neither in storage nor in memory, and what comes after it does", async () => {
    await inside((object) => expect(() => object.note("a", Date.now() + HOUR, true)).toThrow("in the middle"));
    expect(await inside(({ notes }) => notes)).toEqual([]);
    expect([await alarmAt(), await stored()]).toEqual([null, []]);
    const at = Date.now() + 2 * HOUR;
    await inside((object) => object.note("b", at));
    await inside((object) => expect(() => object.note("c", Date.now() + HOUR, true)).toThrow("in the middle"));
    expect(await inside(({ notes }) => notes)).toEqual(["b"]);
    expect(await alarmAt()).toBe(at);
  });

  test("moves the alarm to an earlier time only", async () => {
    const at = Date.now() + HOUR;
    await inside((object) => object.note("a", at));
    await inside((object) => object.note("b", at + HOUR));
    expect(await alarmAt()).toBe(at);
    await inside((object) => object.note("c", at - 1));
    expect(await alarmAt()).toBe(at - 1);
  });
});

describe("an alarm", () => {
  test("that has done its work is set to when there is more to do, or not at all", async () => {
    await inside((object) => object.note("a", Date.now() + 1_000));
    ground.work = (object) => object.note("b", Date.now() + HOUR);
    await ring();
    expect(await alarmAt()).toBe(Date.now() + HOUR);
    ground.work = (object) => object.note("c", null);
    await ring();
    expect(await alarmAt()).toBe(null);
  });

  test.each([
    [
      "at once",
      () => {
        throw new Error("cannot");
      },
    ],
    [
      "after a while",
      async () => {
        await scheduler.wait(1);
        throw new Error("cannot");
      },
    ],
  ])("that throws %s comes again, later each time, for ever; and as usual once it has worked", async (_, work) => {
    const failed: number[] = [];
    await inside((object) => object.note("a", Date.now() + 1_000));
    ground.work = (_, failures) => {
      failed.push(failures);
      return work();
    };
    const pauses: number[] = [];
    for (let times = 0; times < 8; times++) {
      await ring();
      pauses.push(((await alarmAt()) ?? 0) - Date.now());
      // Whatever died with it.
      await evictDurableObject(stub());
    }
    expect(failed).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(pauses.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * LIMITS.alarmRetryMs));
    expect(pauses.at(-1)).toBe(LIMITS.alarmRetryMaxMs);
    ground.work = (object, failures) => {
      failed.push(failures);
      object.note("b", Date.now() + HOUR);
    };
    await ring();
    await ring();
    expect(failed.slice(-2)).toEqual([8, 0]);
    expect(await alarmAt()).toBe(Date.now() + HOUR);
  });

  test("is set again before it waits for anything, so that an object that ends meanwhile wakes again", async () => {
    await inside((object) => object.note("a", Date.now() + 1_000));
    let isWaiting = false;
    ground.work = async () => {
      isWaiting = true;
      await scheduler.wait(60_000);
    };
    const again = Date.now() + LIMITS.alarmRetryMs;
    const rung = ring().catch(() => undefined);
    while (!isWaiting) await scheduler.wait(1);
    expect(await alarmAt()).toBe(again);
    await abortAllDurableObjects();
    await rung;
    expect(await alarmAt()).toBe(again);
  });

  test("is kept while the configuration is not valid, and whoever asks is told that", async () => {
    await inside((object) => object.note("a", Date.now() + 1_000));
    await evictDurableObject(stub());
    ground.isConfigured = false;
    let woken = 0;
    ground.work = () => void woken++;
    await ring();
    expect([await alarmAt(), woken]).toEqual([Date.now() + LIMITS.alarmRetryMs, 0]);
    await inside((object) => expect(() => object.word).toThrow("not configured"));
    await evictDurableObject(stub());
    ground.isConfigured = true;
    await ring();
    expect(woken).toBe(1);
    expect(await inside(({ word }) => word)).toBe("hello");
  });
});

describe("an object", () => {
  test("that was only asked has no storage, and its alarm leaves none", async () => {
    expect(await inside(({ notes }) => notes)).toEqual([]);
    await inside((object) => object.alarm());
    expect([await stored(), await alarmAt()]).toEqual([[], null]);
  });

  test("that is wiped leaves no storage, also by its own alarm, and begins anew", async () => {
    await inside((object) => object.note("a", Date.now() + HOUR));
    await inside((object) => object.empty());
    expect([await stored(), await alarmAt(), await inside(({ notes }) => notes)]).toEqual([[], null, []]);
    await inside((object) => object.note("b", Date.now() + HOUR));
    ground.work = (object) => object.empty();
    await ring();
    expect([await stored(), await alarmAt()]).toEqual([[], null]);
    await inside((object) => object.note("c", Date.now() + HOUR));
    expect(await inside(({ notes }) => notes)).toEqual(["c"]);
  });
});
