/** What an estimate is drawn from: time that only goes on, and numbers as they are distributed. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { around, Chance, shareBelow } from "../../../src/estimates/chance.ts";
import { Clock } from "../../../src/estimates/clock.ts";
import { Distribution } from "../../../src/estimates/distribution.ts";
import { randomFrom } from "../../../src/shared/random.ts";

const DRAWS = 20_000;
const meanOf = (draw: () => number): number => Array.from({ length: DRAWS }, draw).reduce((sum, value) => sum + value, 0) / DRAWS;

test("the clock does everything once, in the order of time, and what is due at the same time in the order of asking", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 100 }), (times) => {
      const clock = new Clock(0);
      const done: (readonly [number, number])[] = [];
      times.forEach((time, order) => {
        // Every third one is asked for by another, at its time.
        if (order % 3 === 0) clock.at(time, () => done.push([clock.now, order]));
        else clock.at(time / 2, () => clock.at(time, () => done.push([clock.now, order])));
      });
      while (clock.step());
      expect(done.map(([, order]) => order).toSorted((a, b) => a - b)).toEqual(times.map((_, order) => order));
      for (const [at, order] of done) expect(at).toBe(times[order]);
      expect(done.map(([at]) => at)).toEqual(done.map(([at]) => at).toSorted((a, b) => a - b));
    }),
  );
});

describe("numbers", () => {
  test("of a distribution lie between its ends, in the order of their shares", () => {
    const sorted = fc
      .array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 3, maxLength: 3 })
      .map((values) => values.toSorted((a, b) => a - b));
    fc.assert(
      fc.property(
        sorted,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (values, one, other) => {
          const [low, middle, high] = values as [number, number, number];
          const distribution = Distribution.through([
            [0, low],
            [0.5, middle],
            [1, high],
          ]);
          const slack = 1e-6 * (1 + high);
          const [a, b] = [distribution.draw(Math.min(one, other)), distribution.draw(Math.max(one, other))];
          expect(low - slack <= a && a <= b + slack && b <= high + slack).toBe(true);
          expect(Math.abs(distribution.quantile(0.5) - middle)).toBeLessThanOrEqual(slack);
        },
      ),
    );
  });

  test("have the mean, the deviation and the share that was asked for", () => {
    const chance = new Chance(randomFrom("numbers"));
    expect(meanOf(() => chance.normal())).toBeCloseTo(0, 1);
    expect(meanOf(() => chance.normal() ** 2)).toBeCloseTo(1, 1);
    expect(meanOf(() => chance.share(2, 6))).toBeCloseTo(0.25, 2);
    expect(meanOf(() => chance.share(0.05, 0.95))).toBeCloseTo(0.05, 2);
    for (const deviation of [1, 20]) expect(meanOf(() => around(10, deviation, chance.normal())) / 10).toBeCloseTo(1, 0);
    expect([around(10, 0, 3), chance.factor(0), chance.happens(0), chance.happens(1)]).toEqual([10, 1, false, true]);
  });

  test("below a deviate are the shares that tables have", () => {
    for (const [deviate, share] of [
      [0, 0.5],
      [1, 0.841345],
      [-1.644854, 0.05],
      [1.959964, 0.975],
    ] as const) {
      expect(shareBelow(deviate)).toBeCloseTo(share, 5);
    }
  });
});
