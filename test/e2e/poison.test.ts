/** A task under which the runtime dies again and again ends, with a reason; whoever else was there goes on. */
import { createServer, type Server as HttpServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../scripts/free-port.ts";
import { Agent, Server, until } from "./processes.ts";

let server: Server;
let agent: Agent;
let deadly: HttpServer;
let deaths = 0;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  const port = await freePort();
  // Whoever asks this one is killed before it answers.
  deadly = createServer(() => {
    deaths++;
    server.killRuntime();
  });
  await new Promise<void>((resolve) => deadly.listen(port, "127.0.0.1", resolve));
  const register = (id: string, url: string): Promise<unknown> =>
    server.call("PUT", `/agents/${id}`, { url, capabilities: [id], dispatch: "inline" });
  await register("deadly", `http://127.0.0.1:${port}/`);
  await register("slow", agent.url("/work?ms=1200"));
});

afterAll(async () => {
  await server.kill();
  deadly.closeAllConnections();
  deadly.close();
  agent.stop();
});

describe("a task that kills the runtime whenever it is worked on", { timeout: 200_000 }, () => {
  test("is sealed after a few deaths, and those beside it complete, each of their steps once", async () => {
    const chain = Array.from({ length: 4 }, (_, index) => ({
      id: `s${index}`,
      capability: "slow",
      needs: index === 0 ? [] : [`s${index - 1}`],
    }));
    const beside = await Promise.all([1, 2, 3].map(() => server.submit({ workflow: { steps: chain } })));
    const poisoned = await server.submit({ workflow: { steps: [{ id: "boom", capability: "deadly", timeout: "1m" }] } });
    // The first alarm of all is half a minute away: somebody asks.
    const ended = await until(
      "the task to be sealed",
      async () => {
        const task = await server.task(poisoned).catch(() => null);
        return task?.status === "failed" && task;
      },
      150_000,
    );
    expect(ended.error).toMatchObject({ code: "poisoned", message: expect.stringContaining('"boom"') });
    const counted = deaths;
    for (const id of beside) expect(await server.ended(id)).toMatchObject({ status: "completed" });
    expect(counted).toBeGreaterThanOrEqual(5);
    // The first one was no recovery, and now and then one comes so late that it does not count.
    expect(counted).toBeLessThanOrEqual(8);
    expect(deaths).toBe(counted);
    for (const id of beside) {
      const completions = (await server.events(id)).filter(({ type }) => type === "step.completed");
      expect(completions.map(({ step_id }) => step_id)).toEqual(["s0", "s1", "s2", "s3"]);
    }
  });

  test("can be canceled while it pauses, and answers without being worked on", async () => {
    const before = deaths;
    const id = await server.submit({ workflow: { steps: [{ id: "boom", capability: "deadly", timeout: "1m" }] } });
    await until("a death", () => deaths > before);
    await until("the server to be back", () =>
      fetch(`${server.origin}/health`)
        .then(({ ok }) => ok)
        .catch(() => false),
    );
    const canceled = await until("the cancel to be answered", () => server.call("POST", `/tasks/${id}/cancel`, {}).catch(() => null));
    expect(canceled).toMatchObject({ status: "canceled" });
    expect(deaths).toBe(before + 1);
  });
});
