import fc from "fast-check";
import { expect, test } from "vitest";
import { Pace } from "../../../src/objects/pace.ts";

const taking = (pace: Pace, key: string, times: number, now: number, mostMs = Number.POSITIVE_INFINITY) =>
  Array.from({ length: times }, () => pace.take(key, mostMs, now));

test("as many as may begin at once do not wait; the others follow one by one", () => {
  const pace = new Pace({ atOnce: 3, perSecond: 10 });
  expect(taking(pace, "family", 5, 7_000)).toEqual([0, 0, 0, 100, 200]);
  expect(taking(pace, "family", 1, 7_100)).toEqual([200]);
});

test("who keeps to the pace waits for a moment at most, and the first not at all", () => {
  const pace = new Pace({ atOnce: 50, perSecond: 50 });
  for (let second = 0; second < 20; second++) {
    const waits = taking(pace, "family", 50, second * 1_000);
    expect(new Set(waits.slice(0, 10))).toEqual(new Set([0]));
    expect(Math.max(...waits.map((waitMs) => waitMs ?? Number.POSITIVE_INFINITY))).toBe(1);
  }
});

test("others do not wait for one that wants thousands", () => {
  const pace = new Pace({ atOnce: 2, perSecond: 10 });
  taking(pace, "large", 5_000, 0);
  expect(taking(pace, "small", 2, 0)).toEqual([0, 0]);
});

test("who would wait too long takes no turn", () => {
  const pace = new Pace({ atOnce: 1, perSecond: 10 });
  expect(taking(pace, "family", 1_000, 0, 300).filter((waitMs) => waitMs !== null)).toEqual([0, 100, 200, 300]);
  expect(pace.take("family", 300, 100)).toBe(300);
});

test("turns that come late are further apart, those that are punctual closer together", () => {
  const pace = new Pace({ atOnce: 1, perSecond: 10 });
  taking(pace, "family", 10, 0);
  // Two were late because of the same work.
  expect([pace.came("family", 900, 900), pace.came("family", 800, 900)]).toEqual([false, false]);
  expect(taking(pace, "family", 3, 3_000)).toEqual([0, 200, 400]);
  expect(taking(pace, "another", 3, 3_000)).toEqual([0, 100, 200]);
  for (let turn = 0; turn < 100; turn++) expect(pace.came("family", 3, 4_000)).toBe(true);
  expect(taking(pace, "family", 3, 9_000)).toEqual([0, 25, 50]);
});

test("however many ask whenever they like, no more begin in any time than may", () => {
  const asks = fc.array(fc.tuple(fc.nat(2_000), fc.constantFrom("one", "other")), { maxLength: 300 });
  fc.assert(
    fc.property(asks, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100 }), (pauses, atOnce, perSecond) => {
      const pace = new Pace({ atOnce, perSecond });
      const begun: number[] = [];
      let now = 0;
      for (const [pause, key] of pauses) {
        now += pause / 100;
        const waitMs = pace.take(key, Number.POSITIVE_INFINITY, now);
        if (key === "one" && waitMs !== null) begun.push(now + waitMs);
      }
      begun.forEach((last, index) => {
        const first = begun[index - atOnce];
        if (first !== undefined) expect(last - first).toBeGreaterThanOrEqual(1_000 / perSecond - 0.001);
      });
    }),
  );
});

test("keys that nobody uses any more are forgotten, and nobody notices", () => {
  const pace = new Pace({ atOnce: 1, perSecond: 1 });
  for (let index = 0; index < 5_000; index++) expect(pace.take(`family ${index}`, Number.POSITIVE_INFINITY, index * 10)).toBe(0);
  expect(pace.take("family 4999", Number.POSITIVE_INFINITY, 49_990)).toBe(1_000);
});
