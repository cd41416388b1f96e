import fc from "fast-check";
import { expect, test } from "vitest";
import { burstNow, type Burst } from "../../../src/gates/burst.ts";

const asked: Burst = { task: "b", latestAt: 9 };

test("a task stands for its burst until its latest moment, or until somebody knows that it does no more", () => {
  const known: Burst = { task: "a", latestAt: 5 };
  expect(burstNow(null, asked, null, 0)).toBe(asked);
  expect(burstNow(known, asked, null, 4)).toBe(known);
  expect(burstNow(known, asked, null, 5)).toBe(asked);
  expect(burstNow(known, asked, "a", 4)).toBe(asked);
  expect(burstNow(known, asked, "earlier", 4)).toBe(known);
});

test("of many who know that it is over one is heard, in whatever order they ask, and however often", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { minLength: 1 }), (askers) => {
      let known: Burst = { task: "over", latestAt: 100 };
      const answers = askers.map((asker) => (known = burstNow(known, { task: `task_${asker}`, latestAt: 100 }, "over", 1)).task);
      expect(new Set(answers)).toEqual(new Set([`task_${askers[0]}`]));
    }),
  );
});
