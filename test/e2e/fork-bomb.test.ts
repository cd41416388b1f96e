/**
 * Workflows that start themselves twice, by steps and by their ends: the family ends at its bound, and the others are
 * answered meanwhile. `FORK_BOMB_TASKS=250000` makes it as many tasks as there may be.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Server, until } from "./processes.ts";

const TASKS = Number(process.env["FORK_BOMB_TASKS"] ?? 80);
/** Long enough for as many tasks, one after the other. */
const PATIENCE_MS = 60_000 + TASKS * 200;

let server: Server;

const startsTwice = (workflow: string) => ({
  id: "twice",
  type: "map",
  over: "${ [1, 2] }",
  // Whether it does nobody can tell before it runs.
  steps: [{ id: "again", type: "workflow", workflow, when: "input.go", input: { go: true } }],
});
/** Its family grows for half a minute, however fast the machine is: there is time to cancel it. */
const SLOWLY = {
  steps: [
    { id: "nap", type: "wait", for: "4s" },
    { ...startsTwice("slow-bomb"), needs: ["nap"] },
  ],
};
const endsIn = (workflow: string) => ({
  steps: [{ id: "done", type: "transform", output: 1 }],
  on_completed: [{ workflow }, { workflow }],
});
const ECHO = { workflow: { steps: [{ id: "echo", type: "transform", output: "${ input }" }] }, input: "well" };

beforeAll(async () => {
  server = await Server.start({ settings: { FAMILY_TASKS: String(TASKS) } });
  await server.call("PUT", "/workflows/bomb-of-steps", { steps: [startsTwice("bomb-of-steps")] });
  await server.call("PUT", "/workflows/slow-bomb", SLOWLY);
  await server.call("PUT", "/workflows/bomb-of-ends", { steps: ECHO.workflow.steps });
  await server.call("PUT", "/workflows/bomb-of-ends-too", endsIn("bomb-of-ends"));
  await server.call("PUT", "/workflows/bomb-of-ends", endsIn("bomb-of-ends-too"));
});

afterAll(async () => {
  await server.kill();
});

/** Everybody else asks for something, over and over, until it is over. */
async function othersAreAnswered(isOver: () => Promise<boolean>): Promise<void> {
  do {
    expect((await fetch(`${server.origin}/health`)).status).toBe(200);
    expect(await server.call("POST", "/tasks?wait=30s", ECHO)).toMatchObject({ status: "completed", output: { echo: "well" } });
  } while (!(await isOver()));
}

async function countOf(...types: readonly string[]): Promise<number> {
  let count = 0;
  for (const type of types) {
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: { data: unknown[]; next_cursor: string | null } = await server.call(
        "GET",
        `/tasks?type=${type}&limit=100${cursor === "" ? "" : `&cursor=${cursor}`}`,
      );
      count += page.data.length;
      cursor = page.next_cursor;
    }
  }
  return count;
}

describe("a workflow that starts itself twice", { timeout: PATIENCE_MS }, () => {
  test("by steps comes to as many tasks as it may, and fails; others are answered meanwhile", async () => {
    const id = await server.submit({ type: "bomb-of-steps", input: { go: true } });
    const isOver = async () => (await server.task(id)).finished_at !== null;
    await othersAreAnswered(isOver);
    expect(await server.task(id)).toMatchObject({ status: "failed", error: { code: "family_too_large" } });
    expect(await countOf("bomb-of-steps")).toBeLessThanOrEqual(TASKS);
  });

  test("by its ends comes to as many tasks as it may; others are answered meanwhile", async () => {
    const types = ["bomb-of-ends", "bomb-of-ends-too"] as const;
    await server.submit({ type: "bomb-of-ends", input: {} });
    let [before, same] = [0, 0];
    await othersAreAnswered(async () => {
      const count = await countOf(...types);
      [before, same] = [count, count === before ? same + 1 : 0];
      return count > TASKS / 2 && same > 8;
    });
    expect(await countOf(...types)).toBeLessThanOrEqual(TASKS);
  });

  test("can be canceled while it grows", async () => {
    const id = await server.submit({ type: "slow-bomb", input: { go: true } });
    await until("it to have started others", async () => (await server.events(id)).some(({ type }) => type === "child.started"));
    expect(await server.call("POST", `/tasks/${id}/cancel`, {})).toMatchObject({ status: "canceled" });
  });
});
