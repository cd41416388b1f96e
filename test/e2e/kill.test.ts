/** The server is killed in the middle of everything and started again. Nobody asks; the alarms alone finish the work. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import { Agent, Server, until, type Logged } from "./processes.ts";

let server: Server;
let agent: Agent;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  const register = (id: string, path: string, dispatch: string): Promise<unknown> =>
    server.call("PUT", `/agents/${id}`, { url: agent.url(path), capabilities: [id], dispatch });
  await register("inline", "/work?ms=400", "inline");
  await register("queued", "/work?ms=400", "queue");
  await register("relayed", "/work?ms=400", "relay");
  await register("callback", "/callback?ms=1500", "inline");
  await register("quick", "/work", "inline");
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

/** No step is asked for again once its completion is recorded, every step keeps its key, and every step completed once. */
function expectExactlyOnce(id: string, calls: readonly Logged[], events: readonly EventView[]): void {
  const completedAt = new Map(events.filter(({ type }) => type === "step.completed").map(({ step_id, at }) => [step_id, Date.parse(at)]));
  for (const { step, at, task } of calls) {
    if (task !== id) continue;
    expect(at, `step ${step} was called after it had completed`).toBeLessThanOrEqual(
      (completedAt.get(step) ?? Number.POSITIVE_INFINITY) + 50,
    );
  }
  const keys = new Map<string, Set<string>>();
  for (const { step, key, task } of calls) if (task === id) keys.set(step, (keys.get(step) ?? new Set()).add(key));
  expect([...keys.values()].every((ofStep) => ofStep.size === 1)).toBe(true);
  const completions = events.filter(({ type }) => type === "step.completed").map(({ step_id }) => step_id);
  expect(new Set(completions).size).toBe(completions.length);
}

/** Steps one after the other, the first of which takes longer than the others. */
const inARow = (length: number): readonly object[] =>
  Array.from({ length }, (_, index) => ({
    id: `s${index}`,
    capability: index === 0 ? "inline" : "quick",
    needs: index === 0 ? [] : [`s${index - 1}`],
  }));

/** What was registered, submitted and finished before is still there. */
async function expectKept(id: string): Promise<void> {
  expect(await server.call("GET", `/tasks/${id}/result`)).toMatchObject({ output: { message: "kept" } });
  expect(await server.call("GET", "/agents/inline")).toMatchObject({ id: "inline" });
  const listed = await until("the task to be listed", async () =>
    (await server.call<{ data: { id: string }[] }>("GET", "/tasks?limit=100")).data.find((task) => task.id === id),
  );
  expect(listed).toMatchObject({ status: "completed" });
}

describe("a server that is killed", () => {
  test("loses nothing: inline, relayed, queued and called-back attempts in flight are finished after the restart, by alarm alone", async () => {
    await server.call("PUT", "/agents/flaky", { url: agent.url("/flaky?times=1"), capabilities: ["flaky"], dispatch: "inline" });
    const ended = await server.submit({ type: "simple", message: "kept" });
    await server.ended(ended);
    const retried = await server.submit({
      workflow: { steps: [{ id: "flaky", capability: "flaky", retry: { delay: "5s", jitter: "none" } }] },
    });
    await until("the first attempt to have failed", async () => (await server.task(retried)).steps[0]?.status === "retrying");
    const row = await server.submit({ workflow: { steps: inARow(12) } });
    const id = await server.submit({
      workflow: {
        steps: [
          { id: "start", capability: "quick" },
          { id: "inline", capability: "inline", needs: ["start"] },
          { id: "relayed", type: "map", over: "[1, 2, 3, 4, 5, 6, 7, 8]", needs: ["start"], steps: [{ id: "one", capability: "relayed" }] },
          { id: "queued", capability: "queued", needs: ["start"], timeout: "2s" },
          { id: "callback", capability: "callback", needs: ["start"] },
          { id: "end", capability: "quick", needs: ["inline", "relayed", "queued", "callback"] },
        ],
      },
    });
    const relayed = (): readonly Logged[] => agent.calls().filter(({ step, task }) => task === id && step.startsWith("relayed"));
    await until("all of them to be in flight", () => ["inline", "queued", "callback"].every((step) => agent.calls(step).length === 1));
    await until("the relays to have called", () => relayed().length === 8);
    await until("the row of steps to have begun", () => agent.calls("s0").length === 1);
    await server.kill();
    await server.start();

    // Nobody asks the server anything: the agent's log tells.
    await until("the last step to be called", () => agent.calls("end").length > 0, 90_000);
    await until("the second attempt of what was to be tried again", () => agent.calls("flaky").length === 2, 90_000);
    await until("the last of the row to be called", () => agent.calls("s11").length > 0, 90_000);
    expect(await server.ended(retried)).toMatchObject({ status: "completed", steps: [{ attempts: 2 }] });
    expect(await server.ended(row)).toMatchObject({ status: "completed" });
    expectExactlyOnce(row, agent.calls(), await server.events(row));
    await expectKept(ended);
    const task = await server.ended(id);
    expect(task).toMatchObject({ status: "completed" });
    const events = await server.events(id);
    expectExactlyOnce(id, agent.calls(), events);
    expect(agent.calls("inline").map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect(relayed()).toHaveLength(16);
    expect(relayed().every(({ attempt }) => attempt === 1)).toBe(true);
    expect(task.steps.filter(({ agent: called }) => called !== null).every(({ attempts }) => attempts === 1)).toBe(true);
  });
});
