/** Who writes the archives of tasks that end in one isolate, and what becomes of them when writing fails or its writer dies. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ArchiveGathering, type Offer } from "../../../src/tasks/history/archive-gathering.ts";
import type { FinishedTask } from "../../../src/tasks/history/port.ts";
import { LIMITS } from "../../../src/tasks/limits.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("scheduler", { wait: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)) });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function finished(id: string, length = 100): FinishedTask {
  const head = { id, tags: [], error: null } as unknown as FinishedTask["row"]["head"];
  const row = { v: 1, tenant: "acme", seq: 3, head, waiting_for: null, fingerprint: null } as const;
  return { row, parts: [{ part: 0, first_seq: 0, body: "x".repeat(length) }], approvals: [] };
}

/** `fails`: which calls do. What is stored, and in which calls. */
function history(fails: (ids: readonly string[]) => boolean = () => false) {
  const calls: string[][] = [];
  const stored = new Set<string>();
  const gathering = new ArchiveGathering(async (tasks) => {
    const ids = tasks.map(({ row }) => row.head.id);
    calls.push(ids);
    await Promise.resolve();
    if (fails(ids)) throw new Error("D1_ERROR: away");
    for (const id of ids) stored.add(id);
  });
  const offer = (id: string, length?: number): Offer => gathering.offer(finished(id, length), Date.now());
  return { gathering, calls, stored, offer };
}

test("the first to write takes along what others have ready, and they find it written", async () => {
  const { gathering, calls, offer } = history();
  const offers = ["a", "b", "c"].map((id) => offer(id));
  for (const one of offers) await gathering.store(one);
  expect(calls).toEqual([["a", "b", "c"]]);
});

test("whoever comes while it is being written waits for it, and writes nothing", async () => {
  const { gathering, calls, offer, stored } = history();
  const [a, b] = [offer("a"), offer("b")];
  const both = Promise.all([gathering.store(a), gathering.store(b)]);
  await vi.advanceTimersByTimeAsync(LIMITS.gatherLookMs);
  await both;
  expect([calls, [...stored]]).toEqual([[["a", "b"]], ["a", "b"]]);
});

test("one that cannot be stored keeps nobody else from history, and its own task hears that it is not", async () => {
  const { gathering, offer, stored } = history((ids) => ids.includes("bad"));
  const [a, bad, c] = [offer("a"), offer("bad"), offer("c")];
  await gathering.store(a);
  await gathering.store(c);
  await expect(gathering.store(bad)).rejects.toThrow("away");
  await expect(gathering.store(bad)).rejects.toThrow("away");
  expect([...stored]).toEqual(["a", "c"]);
});

test("while D1 is away each task is told so, by one call of its own, and stores it later", async () => {
  let isAway = true;
  const { gathering, calls, offer, stored } = history(() => isAway);
  const [a, b] = [offer("a"), offer("b")];
  await expect(gathering.store(a)).rejects.toThrow("away");
  await expect(gathering.store(b)).rejects.toThrow("away");
  expect(calls).toEqual([["a", "b"], ["a"], ["b"]]);
  isAway = false;
  await gathering.store(b);
  await gathering.store(a);
  expect([...stored]).toEqual(["b", "a"]);
});

test("a writer that dies over it costs the others a while, and nothing else", async () => {
  const stored: string[] = [];
  let calls = 0;
  const gathering = new ArchiveGathering((tasks) => {
    if (++calls === 1) return new Promise(() => {});
    stored.push(...tasks.map(({ row }) => row.head.id));
    return Promise.resolve();
  });
  const [dying, other] = ["a", "b"].map((id) => gathering.offer(finished(id), Date.now())) as [Offer, Offer];
  void gathering.store(dying);
  const done = gathering.store(other);
  await vi.advanceTimersByTimeAsync(LIMITS.gatherWaitMs + LIMITS.gatherLookMs);
  await done;
  expect(stored).toEqual(["b"]);
});

test("what a dead object has left is written by nobody else after a while, nor what was withdrawn", async () => {
  const { gathering, calls, offer } = history();
  offer("left");
  await vi.advanceTimersByTimeAsync(LIMITS.gatherWaitMs + 1);
  gathering.withdraw(offer("gone"));
  await gathering.store(offer("a"));
  expect(calls).toEqual([["a"]]);
});

test("a call holds so many and so much, and a large one goes alone", async () => {
  const { gathering, calls, offer } = history();
  const large = offer("large", LIMITS.gatheredArchiveUnits + 1);
  const small = Array.from({ length: LIMITS.gatheredTogether + 1 }, (_, index) => offer(`s${index}`));
  await gathering.store(large);
  for (const one of small) await gathering.store(one);
  expect(calls.map(({ length }) => length)).toEqual([1, LIMITS.gatheredTogether, 1]);
  calls.length = 0;
  const wide = Array.from({ length: 20 }, (_, index) => offer(`w${index}`, LIMITS.gatheredArchiveUnits - 1_000));
  for (const one of wide) await gathering.store(one);
  expect(calls.map(({ length }) => length)).toEqual([8, 8, 4]);
});
