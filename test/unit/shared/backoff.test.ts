import { describe, expect, test } from "vitest";
import { backoffMs, pauseOfWait, redeliverySeconds } from "../../../src/shared/backoff.ts";

describe("pauses between tries", () => {
  test("grow by a factor from the first up to the longest, however often it failed", () => {
    const pauses = [1, 2, 3, 4, 5, 2_000].map((failures) => backoffMs({ firstMs: 100, mostMs: 1_000 }, failures));
    expect(pauses).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect([1, 2, 3].map((failures) => backoffMs({ firstMs: 100, factor: 4, mostMs: 1_000 }, failures))).toEqual([100, 400, 1_000]);
    expect(backoffMs({ firstMs: 100, factor: 1, mostMs: 1_000 }, 50)).toBe(100);
  });

  test("of a queue are whole seconds up to a minute", () => {
    expect([1, 2, 5, 6, 10].map(redeliverySeconds)).toEqual([2, 4, 32, 60, 60]);
  });

  test("of a wait are a share of how long it has lasted, within bounds", () => {
    const pause = { leastMs: 1_000, share: 0.25, mostMs: 60_000 };
    expect([0, 3_999, 4_003, 40_000, 1e9].map((now) => pauseOfWait(pause, 0, now))).toEqual([1_000, 1_000, 1_000, 10_000, 60_000]);
  });
});
