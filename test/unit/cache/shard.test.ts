/** What a shard of the cache decides: who brings a result, who gets it, and what is kept. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Asker, CacheAnswer, Named, Reply, Terms } from "../../../src/cache/cache-contract.ts";
import { BOUNDS, Rows } from "./rows.ts";

const asker = (task: string, key = "k"): Asker => ({ task, step: "s", key });
const terms = (more: Partial<Terms> = {}): Terms => ({ subject: "work", ttlMs: 60_000, tags: [], ...more });
const bytes = (size: number): Uint8Array => new Uint8Array(size).fill(7);
const named = (more: Partial<Named>): Named => ({ keys: [], tags: [], capabilities: [], ...more });
const FIRST = { type: "miss", reason: "first" } as const;
const WORKING: Reply = { type: "working" };

function given() {
  const rows = new Rows();
  const shard = rows.shard();
  const calls = (now: number) => shard.calls(now, 100, () => false).map(({ one, answer }) => [one.task, wordOf(answer)] as const);
  const tell = (now: number, reply: (task: string) => Reply | null = () => WORKING): void => {
    for (const { one, answer } of shard.calls(now, 100, () => false)) shard.told(one, answer, reply(one.task), now);
  };
  return { rows, shard, calls, tell };
}

const wordOf = (answer: CacheAnswer): string => (answer.type === "hit" ? "hit" : answer.reason);

describe("those who ask for one key", () => {
  test("the first brings the result, the others wait and get it", () => {
    const { shard, calls, tell } = given();
    expect(shard.ask(asker("a"), terms(), 0)).toEqual(FIRST);
    expect(shard.ask(asker("b"), terms(), 1)).toEqual({ type: "waiting", task: "a" });
    expect(shard.ask(asker("c"), terms(), 1)).toEqual({ type: "waiting", task: "a" });
    // Asking again, as after a restart, changes nothing.
    expect(shard.ask(asker("a"), terms(), 2)).toEqual(FIRST);
    expect(shard.ask(asker("b"), terms(), 2)).toEqual({ type: "waiting", task: "a" });
    expect(calls(10)).toEqual([]);
    shard.fill(asker("a"), bytes(10), 10);
    expect(calls(10)).toEqual([
      ["b", "hit"],
      ["c", "hit"],
    ]);
    tell(10);
    expect(shard.statistics()).toMatchObject({ entries: 1, working: 0, waiting: 0, hits: 2, misses: 1 });
    expect(shard.ask(asker("d"), terms(), 11)).toMatchObject({ type: "hit", task: "a", madeAt: 10 });
  });

  test("who gives up, or is gone, makes the next one first", () => {
    const { shard, calls, tell } = given();
    for (const task of ["a", "b", "c"]) shard.ask(asker(task), terms(), 0);
    shard.free(asker("a"), 5);
    expect(calls(5)).toEqual([["b", "first"]]);
    tell(5);
    expect(calls(6)).toEqual([]);
    // Asked whether it still works on it, b knows of nothing.
    expect(calls(5 + BOUNDS.leaseMs)).toEqual([["b", "first"]]);
    tell(5 + BOUNDS.leaseMs, () => ({ type: "gone" }));
    expect(calls(5 + BOUNDS.leaseMs)).toEqual([["c", "first"]]);
  });

  test("who is slow is not replaced, and who has brought it without being heard is", () => {
    const { shard, tell, calls } = given();
    for (const task of ["a", "b"]) shard.ask(asker(task), terms(), 0);
    let now = 0;
    for (let asks = 0; asks < 20; asks++) tell((now += BOUNDS.leaseMs));
    expect(shard.ask(asker("b"), terms(), now)).toEqual({ type: "waiting", task: "a" });
    tell((now += BOUNDS.leaseMs), () => ({ type: "done", value: bytes(3) }));
    expect(calls(now)).toEqual([["b", "hit"]]);
  });

  test("who cannot be reached is asked later each time, and given up at last", () => {
    const { shard, tell, calls } = given();
    for (const task of ["a", "b"]) shard.ask(asker(task), terms(), 0);
    let now = BOUNDS.leaseMs;
    const asked: number[] = [];
    for (; calls(now).every(([task]) => task !== "b"); now += 100) {
      if (calls(now).length > 0) asked.push(now);
      tell(now, () => null);
    }
    expect(asked).toHaveLength(BOUNDS.tells);
    expect(calls(now)).toEqual([["b", "first"]]);
  });

  test("a result that is too large is nobody's: those who wait go on by themselves", () => {
    const { shard, calls } = given();
    for (const task of ["a", "b", "c"]) shard.ask(asker(task), terms(), 0);
    shard.fill(asker("a"), bytes(BOUNDS.valueBytes + 1), 1);
    expect(calls(1)).toEqual([
      ["b", "skipped"],
      ["c", "skipped"],
    ]);
    expect(shard.statistics().entries).toBe(0);
  });

  test("only so many wait", () => {
    const { shard } = given();
    for (let index = 0; index < BOUNDS.line; index++) shard.ask(asker(`t${index}`), terms(), 0);
    expect(shard.ask(asker("more"), terms(), 0)).toEqual({ type: "miss", reason: "unavailable" });
  });
});

describe("what is kept", () => {
  const fill = (shard: ReturnType<typeof given>["shard"], key: string, now: number, more: Partial<Terms> = {}, size = 10): void => {
    shard.ask(asker("a", key), terms(more), now);
    shard.fill(asker("a", key), bytes(size), now);
  };
  const has = (shard: ReturnType<typeof given>["shard"], key: string, now: number): boolean => {
    const answer = shard.ask(asker("reader", key), terms(), now);
    shard.free(asker("reader", key), now);
    return answer.type === "hit";
  };

  test("makes room for others, the least used first", () => {
    const { shard } = given();
    for (const [now, key] of ["a", "b", "c"].entries()) fill(shard, key, now);
    expect(has(shard, "a", 5)).toBe(true);
    fill(shard, "d", 6);
    expect(["a", "b", "c", "d"].map((key) => has(shard, key, 7))).toEqual([true, false, true, true]);
    expect(shard.statistics().evictions).toBe(1);
    fill(shard, "large", 8, {}, 400);
    fill(shard, "larger", 9, {}, 400);
    expect(shard.statistics().bytes).toBeLessThanOrEqual(BOUNDS.bytes);
  });

  test("expires, and goes before what has not", () => {
    const { shard, rows } = given();
    fill(shard, "a", 0);
    fill(shard, "short", 1, { ttlMs: 10 });
    fill(shard, "c", 2);
    expect([has(shard, "short", 10), has(shard, "short", 11)]).toEqual([true, false]);
    fill(shard, "d", 20);
    expect(has(shard, "a", 20)).toBe(true);
    expect(shard.statistics().evictions).toBe(0);
    shard.trim(100_000);
    expect(rows.entries.size).toBe(0);
  });

  test("is written as used only now and then", () => {
    const { shard, rows } = given();
    fill(shard, "a", 0);
    const before = rows.written;
    for (let now = 1; now < BOUNDS.touchMs; now += 10) shard.ask(asker("reader", "a"), terms(), now);
    expect(rows.written).toBe(before);
    shard.ask(asker("reader", "a"), terms(), BOUNDS.touchMs);
    expect(rows.written).toBe(before + 1);
  });

  test("is dropped by what it is named, under way too", () => {
    const { shard, calls } = given();
    fill(shard, "a", 0, { tags: ["x", "y"] });
    fill(shard, "b", 0, { subject: "other" });
    expect([shard.invalidate(named({ tags: ["y"] })), shard.invalidate(named({ tags: ["y"] }))]).toEqual([1, 0]);
    shard.ask(asker("a", "c"), terms({ tags: ["x"] }), 1);
    shard.ask(asker("b", "c"), terms({ tags: ["x"] }), 1);
    expect(shard.invalidate(named({ tags: ["x"], capabilities: ["other"] }))).toBe(1);
    shard.fill(asker("a", "c"), bytes(1), 2);
    // Who asked before begins after: what it brings is fresh.
    expect(calls(2)).toEqual([["b", "first"]]);
    shard.fill(asker("b", "c"), bytes(1), 3);
    expect(has(shard, "c", 3)).toBe(true);
  });

  test("is not told to those who waited when it has been dropped meanwhile", () => {
    const { shard, calls } = given();
    for (const task of ["a", "b", "c"]) shard.ask(asker(task), terms({ tags: ["x"] }), 0);
    shard.fill(asker("a"), bytes(1), 1);
    shard.invalidate(named({ tags: ["x"] }));
    expect(calls(1)).toEqual([["b", "first"]]);
  });
});

const KEYS = ["k0", "k1", "k2", "k3", "k4"];
type Move =
  | { readonly do: "ask"; readonly task: number; readonly key: string }
  | { readonly do: "free"; readonly task: number; readonly key: string }
  | { readonly do: "fill"; readonly task: number; readonly key: string; readonly size: number }
  | { readonly do: "invalidate"; readonly key: string }
  | { readonly do: "tell"; readonly reply: "working" | "gone" | "done" | "silence" }
  | { readonly do: "pass"; readonly ms: number };

const task = fc.nat(5);
const key = fc.constantFrom(...KEYS);
const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("ask" as const), task, key }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("free" as const), task, key }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("fill" as const), task, key, size: fc.constantFrom(1, 300, 401) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("invalidate" as const), key }) },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("tell" as const), reply: fc.constantFrom("working", "gone", "done", "silence") }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(1, 500, 4_000, 70_000) }) },
  ),
  { maxLength: 60 },
);

/** Plays moves; `restarts`: after each the shard is rebuilt from its rows. */
function play(
  schedule: readonly Move[],
  restarts: boolean,
  bounds = BOUNDS,
  check: (rows: Rows, said: unknown, now: number) => void = () => {},
) {
  const rows = new Rows();
  let shard = rows.shard(bounds);
  let now = 0;
  const log: unknown[] = [];
  for (const move of schedule) {
    now++;
    let said: unknown = null;
    if (move.do === "ask") said = shard.ask(asker(`t${move.task}`, move.key), terms({ ttlMs: 50_000, tags: [move.key] }), now);
    else if (move.do === "free") shard.free(asker(`t${move.task}`, move.key), now);
    else if (move.do === "fill") shard.fill(asker(`t${move.task}`, move.key), bytes(move.size), now);
    else if (move.do === "invalidate") said = shard.invalidate(named({ tags: [move.key] }));
    else if (move.do === "pass") now += move.ms;
    else {
      const calls = shard.calls(now, 3, () => false);
      said = calls.map(({ one, answer }) => [one.key, one.task, wordOf(answer)]);
      const reply = move.reply === "silence" ? null : move.reply === "done" ? { type: move.reply, value: bytes(2) } : { type: move.reply };
      for (const { one, answer } of calls) shard.told(one, answer, reply, now);
    }
    log.push(said);
    check(rows, said, now);
    if (restarts) shard = rows.shard(bounds);
  }
  return { rows, shard, log, now };
}

describe("whatever happens", () => {
  const holds = (property: (schedule: readonly Move[]) => void): void => fc.assert(fc.property(moves, property), { numRuns: 500 });

  test("a shard that is rebuilt from its rows goes on like one that never stopped", () => {
    // When something was used last is written down now and then: that alone a restart forgets.
    const exact = { ...BOUNDS, touchMs: 0 };
    holds((schedule) => {
      const [one, other] = [play(schedule, false, exact), play(schedule, true, exact)];
      expect(other.log.map(strip)).toEqual(one.log.map(strip));
    });
  });

  test("the bounds hold, and rows are what memory has", () => {
    holds((schedule) => {
      const { rows, shard } = play(schedule, false, BOUNDS, (rows) => {
        expect(rows.entries.size).toBeLessThanOrEqual(BOUNDS.entries);
        expect([...rows.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(BOUNDS.bytes);
        expect(rows.line.size).toBeLessThanOrEqual(BOUNDS.line);
      });
      const { entries, working, waiting } = shard.statistics();
      expect([entries, working + waiting]).toEqual([rows.entries.size, rows.line.size]);
    });
  });

  test("a key has one first at a time, until that one has left or was found to be gone", () => {
    holds((schedule) => {
      const first = new Map<string, number>();
      play(schedule, false, BOUNDS, (rows) => {
        for (const [key, id] of first) if (!rows.line.has(id)) first.delete(key);
        for (const row of [...rows.line.values()].toSorted((a, b) => a.id - b.id)) if (!first.has(row.key)) first.set(row.key, row.id);
        // Nobody came in front of them.
        for (const [key, id] of first) {
          expect(Math.min(...[...rows.line.values()].filter((row) => row.key === key).map((row) => row.id))).toBe(id);
        }
      });
    });
  });

  test("everybody in line is told something in the end", () => {
    holds((schedule) => {
      const { shard, now: from } = play(schedule, false);
      let now = from;
      for (let rounds = 0; shard.statistics().working > 0; rounds++) {
        expect(rounds).toBeLessThan(200);
        const wakeAt = shard.wakeAt(now);
        expect(wakeAt).not.toBeNull();
        now = Math.max(now, wakeAt ?? now);
        for (const { one, answer } of shard.calls(now, 100, () => false)) shard.told(one, answer, { type: "gone" }, now);
      }
    });
  });
});

/** Without the bytes, which say nothing. */
const strip = (said: unknown): unknown => (typeof said === "object" && said !== null && "value" in said ? { ...said, value: null } : said);
