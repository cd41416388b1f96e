/** The server is killed while one task makes a result that others wait for. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Agent, Server, until } from "./processes.ts";

let server: Server;
let agent: Agent;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  await server.call("PUT", "/agents/slow", { url: agent.url("/work?ms=1500"), capabilities: ["slow"], dispatch: "inline" });
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

test("those who wait get the result after the restart, and one task has called for all of them", async () => {
  const workflow = { steps: [{ id: "look", capability: "slow", input: { q: 1 }, cache: { ttl: "1h" } }] };
  const ids = await Promise.all(Array.from({ length: 5 }, () => server.submit({ workflow })));
  await until("one to call and the others to wait", async () => {
    const { waiting } = await server.call<{ waiting: number }>("GET", "/cache");
    return waiting === 4 && agent.calls("look").length === 1;
  });
  await server.kill();
  await server.start();
  for (const id of ids) expect(await server.ended(id)).toMatchObject({ status: "completed" });
  const calls = agent.calls("look");
  expect(new Set(calls.map(({ task }) => task)).size).toBe(1);
  expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  const next = await server.submit({ workflow });
  expect(await server.ended(next)).toMatchObject({ status: "completed", steps: [{ attempts: 0, cached: { task_id: calls[0]?.task } }] });
  expect(await server.call("GET", "/cache")).toMatchObject({ entries: 1, working: 0, waiting: 0 });
});
