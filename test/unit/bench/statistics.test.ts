import { describe, expect, test } from "vitest";
import { spreadOf, verdictOn } from "../../bench/statistics.ts";
import { unitFromText } from "../../../src/shared/random.ts";

/** Ratios of two things that take the same time on a noisy machine, but for a factor. */
const ratios = (run: number, rounds: number, factor: number): readonly number[] =>
  Array.from(
    { length: rounds },
    (_, round) => (factor * (0.8 + unitFromText(`${run} ${round} a`))) / (0.8 + unitFromText(`${run} ${round} b`)),
  );

describe("two versions that are measured in turns", () => {
  const told = (factor: number): number =>
    Array.from({ length: 400 }, (_, run) => verdictOn(spreadOf(ratios(run, 15, factor)))).filter(
      (verdict) => verdict !== "no difference can be seen",
    ).length;

  test("are told to differ at most as often as chance has it, where they do not", () => {
    expect(told(1)).toBeLessThan(400 * 0.08);
  });

  test("are told to differ where they do by more than the noise", () => {
    expect(told(2)).toBeGreaterThan(400 * 0.9);
    expect(verdictOn(spreadOf(ratios(1, 15, 3)))).toMatch(/^\d+ % more$/);
    expect(verdictOn(spreadOf(ratios(1, 15, 1 / 3)))).toMatch(/^\d+ % less$/);
  });

  test("have a median within its spread, which is all there is of few rounds", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1, high: 3 });
    const { median, low, high } = spreadOf(ratios(7, 15, 1));
    expect(low).toBeLessThanOrEqual(median);
    expect(high).toBeGreaterThanOrEqual(median);
  });
});
