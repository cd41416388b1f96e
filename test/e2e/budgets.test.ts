/** A task that runs out of money in the middle, in each of the four ways, with agents that are processes of their own. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import { Agent, Server, until } from "./processes.ts";

let server: Server;
let agent: Agent;

beforeAll(async () => {
  [server, agent] = await Promise.all([Server.start(), Agent.start()]);
  const paid = (per_call_usd: number) => ({ url: agent.url("/work?ms=20"), capabilities: ["write"], price: { per_call_usd } });
  await server.call("PUT", "/agents/grand", paid(0.4));
  await server.call("PUT", "/agents/modest", paid(0.05));
});

afterAll(async () => {
  await server.kill();
  agent.stop();
});

/** The second step would cost more than what the first one has left. */
const story = (name: string) => ({
  steps: [
    { id: `${name}_draft`, agent: "grand" },
    { id: `${name}_final`, capability: "write", needs: [`${name}_draft`], select: { policy: "most_reliable", exclude: ["nobody"] } },
  ],
  output: { draft: `\${ steps.${name}_draft.status }`, final: `\${ steps.${name}_final.status }` },
});
const named = (name: string) => {
  const { steps, output } = story(name);
  return {
    output,
    steps: steps.map((step) => (step.agent === undefined ? { ...step, capability: undefined, select: undefined, agent: "grand" } : step)),
  };
};
const run = async (workflow: object, on_exhausted: string): Promise<string> =>
  server.submit({ workflow, budget: { cost_usd: 0.5, on_exhausted } });
const task = (id: string): Promise<TaskView> => server.call<TaskView>("GET", `/tasks/${id}`);
const ended = (id: string): Promise<TaskView> =>
  until("the end", async () => {
    const view = await task(id);
    return view.finished_at === null ? null : view;
  });

test("it stops", async () => {
  const view = await ended(await run(named("stop"), "stop"));
  expect(view).toMatchObject({
    status: "failed",
    error: { code: "budget_exhausted", step_id: "stop_final" },
    budget: { spent: { cost_usd: 0.4 } },
  });
  expect(agent.calls("stop_final")).toHaveLength(0);
});

test("it asks people, waits for them while the server is killed, and goes on with what they give", async () => {
  const id = await run(named("ask"), "ask");
  const asked = await until("the question", async () => (await task(id)).waiting_on?.approval_id);
  await server.kill();
  await server.start();
  expect((await task(id)).waiting_on).toMatchObject({ type: "budget", step_id: "ask_final" });
  await server.call("POST", `/approvals/${asked}/decide`, { decision: "approve" });
  expect(await ended(id)).toMatchObject({ status: "completed", budget: { limits: { cost_usd: 0.8 }, spent: { cost_usd: 0.8 } } });
  expect(agent.calls("ask_final")).toHaveLength(1);
});

test("it takes cheaper agents", async () => {
  const view = await ended(await run(story("cheaper"), "cheaper"));
  expect(view).toMatchObject({ status: "completed", budget: { spent: { cost_usd: 0.45 } } });
  expect(view.steps.map((step) => step.agent)).toEqual(["grand", "modest"]);
});

test("it finishes with what it has", async () => {
  const id = await run(named("finish"), "finish");
  expect(await ended(id)).toMatchObject({ status: "completed", partial: true });
  expect(await server.call("GET", `/tasks/${id}/result`)).toMatchObject({
    partial: true,
    output: { draft: "completed", final: "skipped" },
  });
});
