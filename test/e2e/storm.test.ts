/** A short storm (`STORM_KILLS=100` and `npm run storm` make longer ones): its seed is another one each time, and told if anything is not as it should be. */
import { expect, test } from "vitest";
import { storm, twiceIn } from "../storm/storm.ts";

const KILLS = Number(process.env["STORM_KILLS"] ?? 3);

test(
  "under a mixed load and SIGKILLs nothing is lost, done twice, left untold, unasked or wrong, and no task is ended for them",
  async () => {
    const seed = Number(process.env["STORM_SEED"] ?? Math.floor(Math.random() * 1_000_000));
    const { accepted, calls, kills, byKind: _, ...faults } = await storm({ seed, seconds: 15 * KILLS, kills: KILLS });
    console.log(`storm: seed ${seed}, ${kills} kills, ${accepted} tasks, ${calls} calls`);
    expect({ seed, ...faults }).toEqual({ seed, lost: [], twice: [], untold: [], unasked: [], wrong: [] });
    expect(kills).toBeGreaterThan(0);
    expect(accepted).toBeGreaterThan(3);
    expect(calls).toBeGreaterThan(accepted);
  },
  255_000 + 15_000 * KILLS,
);

test("what was done twice is found out, by the journal and by the agents' own records", () => {
  const at = Date.now();
  const completed = { seq: 1, at: new Date(at).toISOString(), type: "step.completed" as const, step_id: "a", data: {} };
  const asked = { at, task: "task_1", step: "a", key: "task_1/a", agent: "/add" };
  expect(twiceIn([completed], [asked, asked], new Map())).toEqual([]);
  expect(twiceIn([completed, { ...completed, seq: 2 }], [asked], new Map())).toEqual(["step a completed twice"]);
  expect(twiceIn([completed], [{ ...asked, at: at + 1_000 }], new Map())).toEqual([
    "/add was asked for step a 1000 ms after it had completed",
  ]);
  expect(twiceIn([], [{ ...asked, at: at + 1_000 }], new Map([["task_1/a", at]]))).toHaveLength(1);
  expect(twiceIn([completed], [asked, { ...asked, key: "another" }], new Map())).toEqual(["step a was asked for under two keys"]);
});
