/**
 * Tasks of every kind of step, interrupted at every moment there is: facts, result and effects come out as if nothing had
 * happened. How many moments of each name there are, a run that nothing interrupts tells.
 */
import { describe, expect, test } from "vitest";
import { agentsWork, EVERYTHING, UNDOING, world, type Script } from "./crash-scripts.ts";
import { drive, effectsOf, essenceOf, lateCalls } from "./family.ts";
import { calls, objectCount, resultOf } from "./harness.ts";
import {
  atEvery,
  CALL_MOMENTS,
  hasStruck,
  interrupted,
  moment,
  momentCounts,
  seldom,
  type Choice,
  type How,
  type Moment,
} from "./interruptions.ts";

interface Run {
  readonly essence: unknown;
  readonly effects: unknown;
  /** Objects that came into being: no task was started twice as different ones. */
  readonly objects: number;
  readonly late: readonly string[];
  readonly moments: ReadonlyMap<Moment, number>;
}

async function run(script: Script, at: Choice = () => false, how: How = "abort"): Promise<Run> {
  const { webhooks, hosts } = await world();
  const before = await objectCount();
  calls.length = 0;
  agentsWork(moment);
  return interrupted(
    at,
    async () => {
      const id = await script.start();
      const { family } = await drive(id, { webhooks, act: script.actor() });
      expect(await resultOf(id)).toEqual(script.result);
      return {
        essence: essenceOf(family),
        effects: effectsOf(family, hosts),
        objects: (await objectCount()) - before,
        late: lateCalls(family),
        moments: momentCounts(),
      };
    },
    how,
  );
}

const undisturbedRuns = new Map<Script, Promise<Run>>();
function undisturbed(script: Script): Promise<Run> {
  let known = undisturbedRuns.get(script);
  if (known === undefined) undisturbedRuns.set(script, (known = run(script)));
  return known;
}

async function expectSame(script: Script, at: Choice, how?: How): Promise<void> {
  const { moments: _, ...expected } = await undisturbed(script);
  const { moments: __, ...came } = await run(script, at, how);
  expect(came).toEqual(expected);
}

async function atAll(script: Script, name: Moment, every: number, how?: How): Promise<void> {
  const count = (await undisturbed(script)).moments.get(name) ?? 0;
  await atEvery(name, count, every, async (at) => {
    await expectSame(script, at, how);
    expect(hasStruck()).toBe(true);
  });
}

describe.each([EVERYTHING, UNDOING])("a task $name", (script) => {
  test("asks the same of the world whenever it runs", async () => {
    const first = await undisturbed(script);
    expect(first.late).toEqual([]);
    await expectSame(script, () => false);
  });

  test("whose objects end right after a commit, before anything follows from it", { timeout: 60_000 }, () => atAll(script, "commit", 3));
  test("whose objects are evicted after a commit", { timeout: 60_000 }, () => atAll(script, "commit", 1, "evict"));
  test.each(["call before", "call after"])("whose objects end at a %s an agent has worked", { timeout: 60_000 }, (name) =>
    atAll(script, name, 2),
  );
  test.each(CALL_MOMENTS)("whose objects end at %s it is through", { timeout: 60_000 }, (name) => atAll(script, name, 1));
  test.each([1, 2])("whose objects end now and then, %i", { timeout: 60_000 }, (seed) => expectSame(script, seldom(seed, 0.07, 25)));
});
