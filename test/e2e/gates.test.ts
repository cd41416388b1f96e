/** Tasks race for the places of one key while the server is killed under them. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Agent, Server, until, type Logged } from "./processes.ts";

const PLACES = 3;
const TASKS = 30;
let server: Server;
let agent: Agent;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  await server.call("PUT", "/agents/worker", { url: agent.url("/work?ms=150"), capabilities: ["worker"], dispatch: "inline" });
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

/** The most tasks that the agent worked for at once, as it wrote it down itself. */
function mostAtOnce(log: readonly Logged[]): number {
  const atWork = new Set<string>();
  let most = 0;
  for (const { event, task } of log) {
    if (event === "called") atWork.add(task);
    else atWork.delete(task);
    most = Math.max(most, atWork.size);
  }
  return most;
}

test("however often the server is killed, no more tasks of a key run at once than may, and all of them complete", async () => {
  const workflow = { steps: [{ id: "work", capability: "worker" }] };
  const ids = await Promise.all(
    Array.from({ length: TASKS }, () => server.submit({ workflow, concurrency: { key: '"race"', limit: PLACES } })),
  );
  for (const calls of [6, 18]) {
    await until(`${calls} calls`, () => agent.calls().length >= calls, 120_000);
    await server.kill();
    await server.start();
  }
  for (const id of ids) expect(await server.ended(id, 180_000)).toMatchObject({ status: "completed" });
  expect(new Set(agent.calls().map(({ task }) => task)).size).toBe(TASKS);
  expect(mostAtOnce(agent.log())).toBe(PLACES);
}, 300_000);
