import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { burstOf, debounceDefinition } from "../../../src/language/debounce.ts";
import { LIMITS } from "../../../src/language/limits.ts";
import { durationText } from "../../../src/shared/time.ts";

const of = { task: "task_1", type: "index", workflow: { name: "index", version: 3 }, input: { id: "a" }, priority: 5, tags: [] };

describe("a burst", () => {
  test("has a key made of input and task, and an end that is not beyond its latest", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: LIMITS.debounceMs }), fc.option(fc.nat(LIMITS.debounceMs)), (forMs, more) => {
        const max = more === null ? {} : { max: durationText(Math.min(forMs + more, LIMITS.debounceMs)) };
        const written = debounceDefinition.parse({ key: 'task.workflow.name + "/" + input.id', for: durationText(forMs), ...max });
        const burst = burstOf(written, of, 1_000);
        if (!burst.ok) throw new Error(burst.error);
        expect(burst.value.key).toBe("index/a");
        expect(burst.value.due_at).toBe(1_000 + forMs);
        expect(burst.value.latest_at).toBeGreaterThanOrEqual(burst.value.due_at);
        expect(burst.value.latest_at).toBeLessThanOrEqual(1_000 + LIMITS.debounceMs);
      }),
    );
  });

  test("lasts ten times as long as its pause at most, unless it says how long", () => {
    expect(burstOf({ key: '"k"', for: "1m" }, of, 0)).toMatchObject({ value: { due_at: 60_000, latest_at: 600_000 } });
    expect(burstOf({ key: '"k"', for: "1m", max: "2m" }, of, 0)).toMatchObject({ value: { latest_at: 120_000 } });
    expect(burstOf({ key: '"k"', for: "6d" }, of, 0)).toMatchObject({ value: { latest_at: LIMITS.debounceMs } });
  });

  test("has no key that needs a step, or that is no text", () => {
    for (const key of ["steps.a.output", "input", "input.none", "1 +"]) expect(burstOf({ key, for: "1m" }, of, 0).ok, key).toBe(false);
  });
});
