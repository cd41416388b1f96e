import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { retryDelayMs, retryPolicy } from "../../../src/language/retry.ts";
import { nextLookAt } from "../../../src/engine/rules/wake.ts";
import { TimerHeap } from "../../../src/engine/state/timers.ts";
import { unlocksSomething } from "../../../src/engine/rules/urgency.ts";
import { fails, given, step } from "./scenario.ts";

const delays = (definition: Parameters<typeof retryPolicy>[0], failures = 6): number[] =>
  Array.from({ length: failures }, (_, index) => retryDelayMs(retryPolicy(definition), index + 1, "seed"));

describe("retry delays", () => {
  test("fixed, linear and exponential, up to the cap", () => {
    const common = { delay: "1s", max_delay: "10s", jitter: "none" } as const;
    expect(delays({ ...common, strategy: "fixed" })).toEqual([1_000, 1_000, 1_000, 1_000, 1_000, 1_000]);
    expect(delays({ ...common, strategy: "linear" })).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 6_000]);
    expect(delays({ ...common, strategy: "exponential", factor: 3 })).toEqual([1_000, 3_000, 9_000, 10_000, 10_000, 10_000]);
  });

  test("the defaults are three attempts, exponential, from a second, doubling, at most thirty seconds, full jitter", () => {
    expect(retryPolicy()).toMatchObject({
      maxAttempts: 3,
      strategy: "exponential",
      delayMs: 1_000,
      factor: 2,
      maxDelayMs: 30_000,
      jitter: "full",
    });
  });

  test("a pause that was asked for is not cut, unless its own ceiling says so", () => {
    for (const strategy of ["fixed", "linear", "exponential"] as const) {
      expect(delays({ strategy, delay: "45s", jitter: "none" })[0]).toBe(45_000);
      expect(delays({ strategy, delay: "2m", jitter: "none" }, 3)).toEqual([120_000, 120_000, 120_000]);
      expect(delays({ strategy, delay: "2m", max_delay: "1m", jitter: "none" })[0]).toBe(60_000);
      expect(delays({ strategy, delay: "20s", jitter: "none" }).every((ms) => ms <= 30_000)).toBe(true);
    }
  });

  test("a task that began when pauses were cut goes on cutting them", () => {
    const asked = [step("a", { retry: { delay: "45s", jitter: "none" } })];
    const pause = (rules: 0 | 1): number => {
      const task = given(asked, { rules }).when(fails("a"));
      return (task.state.starts.peek()?.at ?? 0) - task.now;
    };
    expect([pause(0), pause(1)]).toEqual([30_000, 45_000]);
  });

  test("full jitter stays below the delay, depends on the attempt alone, and spreads", () => {
    const policy = retryPolicy({ delay: "10s", strategy: "fixed", max_delay: "10s" });
    const samples = Array.from({ length: 1_000 }, (_, index) => retryDelayMs(policy, 1, `task/step/${index}`));
    expect(samples.every((ms) => ms >= 0 && ms < 10_000)).toBe(true);
    expect(samples.map((_, index) => retryDelayMs(policy, 1, `task/step/${index}`))).toEqual(samples);
    const mean = samples.reduce((sum, ms) => sum + ms, 0) / samples.length;
    expect(mean).toBeGreaterThan(4_500);
    expect(mean).toBeLessThan(5_500);
  });

  test("Retry-After is a minimum, up to a limit", () => {
    expect(retryDelayMs(retryPolicy(), 1, "seed", 120_000)).toBe(120_000);
    expect(retryDelayMs(retryPolicy(), 1, "seed", 1e15)).toBe(7 * 86_400_000);
  });
});

test("looks for an agent never lie in the past, and never come in the same moment again", () => {
  fc.assert(
    fc.property(fc.nat(1_000_000_000), fc.nat(10_000_000), fc.nat(10_000_000), (since, waited, ttl) => {
      const now = since + waited;
      expect(nextLookAt(since, now, since + ttl)).toBeGreaterThan(now);
    }),
  );
});

test("the timer heap gives timers in order of time, then of step", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(20))), (entries) => {
      const heap = new TimerHeap();
      for (const [at, index] of entries) heap.push({ at, type: "look", step: index });
      const popped = Array.from(entries, () => heap.pop()).map((timer) => (timer?.type === "look" ? [timer.at, timer.step] : null));
      expect(popped).toEqual([...entries].toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
      expect(heap.pop()).toBeUndefined();
    }),
  );
});

test("a completion that unlocks nothing may wait for company, one that may unlock something may not", () => {
  const task = given([
    step("a"),
    step("b"),
    step("c"),
    step("d"),
    step("z", { needs: ["a", "b", "c"] }),
    step("any", { needs: ["d"], run_if: "any_completed" }),
  ]);
  expect(unlocksSomething(task.state, "a", 0)).toBe(false);
  expect(unlocksSomething(task.state, "a", 2)).toBe(true);
  expect(unlocksSomething(task.state, "d", 0)).toBe(true);
});
