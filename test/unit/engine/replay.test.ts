/** A journal played again: agreement is shown for random histories by the properties; here, that disagreement is found. */
import { describe, expect, test } from "vitest";
import type { TaskEvent } from "../../../src/engine/facts/event.ts";
import type { RecordedRow } from "../../../src/engine/replay/replay.ts";
import { completes, fails, given, step, type Scenario } from "./scenario.ts";

const chain = [
  step("a", { retry: { delay: "5s", jitter: "none" } }),
  step("b", { input: "${ steps.a.output }", when: "steps.a.output.n > 1" }),
  { id: "c", type: "transform", output: "${ steps.b.output.n + 1 }" },
];

function played(): Scenario {
  const task = given(chain).when(fails("a"));
  return task
    .untilWake()
    .when(completes("a", { n: 2 }, 2))
    .when(completes("b", { n: 40 }));
}

/** The same journal with one of its events changed, left out (`null`) or preceded by others. */
function tampered(
  task: Scenario,
  type: string,
  change: (event: TaskEvent) => TaskEvent | readonly TaskEvent[] | null,
): readonly RecordedRow[] {
  let [seq, isChanged] = [0, false];
  return task.journal.map(({ at, events }) => {
    const changed = events.flatMap((event) => {
      if (event.type !== type || isChanged) return [event];
      isChanged = true;
      return change(event) ?? [];
    });
    seq += changed.length;
    return { seq, at, events: changed };
  });
}

describe("a journal that this engine has written", () => {
  test("comes out the same", () => {
    const task = played();
    expect(task.status).toBe("completed");
    expect(task.replayed()).toEqual({ events: task.state.seq, divergence: null });
  });

  test("comes out the same as far as it goes", () => {
    const rows = played().rows().slice(0, 3);
    expect(played().replayed(rows)).toEqual({ events: rows.at(-1)?.seq, divergence: null });
  });
});

describe("a journal parts from the engine where", () => {
  test("a fact is missing", () => {
    const task = played();
    const { divergence } = task.replayed(tampered(task, "step.retry_scheduled", () => null));
    // It goes on with what the engine says there.
    expect(divergence).toMatchObject({ recorded: null, replayed: { type: "step.retry_scheduled", step: "a" } });
  });

  test("a fact is another", () => {
    const task = played();
    const later = tampered(task, "step.retry_scheduled", (event) => ({ ...event, retry_at: 2 }) as TaskEvent);
    expect(task.replayed(later).divergence).toMatchObject({
      seq: 7,
      recorded: { type: "step.retry_scheduled", retry_at: 2 },
      replayed: { type: "step.retry_scheduled", retry_at: 1_005_000 },
    });
  });

  test("a fact follows from nothing", () => {
    const task = played();
    const early = tampered(task, "attempt.failed", (event) => [{ type: "step.skipped", step: "b", reason: "needs" }, event]);
    expect(task.replayed(early).divergence).toMatchObject({ recorded: { type: "step.skipped" }, replayed: null });
  });

  test("a reply says what what follows does not fit", () => {
    const task = played();
    const smaller = tampered(task, "step.completed", (event) => ({ ...event, output: { value: { n: 1 } } }) as TaskEvent);
    expect(task.replayed(smaller).divergence).toMatchObject({
      recorded: { type: "agent.selected", step: "b" },
      replayed: { type: "step.skipped", step: "b", reason: "when" },
    });
  });

  test("a computed value is another", () => {
    const task = played();
    const rows = task.rows().map((row) => ({
      ...row,
      events: row.events.map((event) =>
        event.type === "step.completed" && event.step === "c" ? { ...event, output: { value: 42 } } : event,
      ),
    }));
    expect(task.replayed(rows).divergence).toMatchObject({ recorded: { output: { value: 42 } }, replayed: { output: { value: 41 } } });
  });

  test("a reply comes that the fence would have held back", () => {
    const task = played();
    const twice = tampered(task, "attempt.failed", (event) => [event, event]);
    expect(task.replayed(twice).divergence).toMatchObject({
      recorded: { type: "attempt.failed" },
      replayed: { type: "step.retry_scheduled" },
    });
  });
});
