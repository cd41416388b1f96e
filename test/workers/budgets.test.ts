/** Budgets of tasks in their objects: races, people who are asked, children, and objects that are lost meanwhile. */
import { abortAllDurableObjects } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { agentsAnswer, api, calls, registerAgent, submit, untilEnded, untilStatus } from "./harness.ts";

const used = (cost_usd: number) => () => Response.json({ output: 1, usage: { cost_usd } });
const chain = (length: number, capability: string) =>
  Array.from({ length }, (_, index) => ({ id: `s${index}`, capability, ...(index > 0 && { needs: [`s${index - 1}`] }) }));

test("two hundred steps that race for fifty calls make fifty, though their object dies meanwhile", async () => {
  await registerAgent("racer", { dispatch: "inline" });
  agentsAnswer(async () => {
    await scheduler.wait(5);
    return Response.json({ output: 1 });
  });
  const steps = Array.from({ length: 200 }, (_, index) => ({ id: `s${index}`, capability: "racer" }));
  const id = await submit({ workflow: { steps }, budget: { calls: 50, on_exhausted: "finish" } });
  await vi.waitUntil(() => calls.length >= 20);
  await abortAllDurableObjects();
  const task = await untilEnded(id);
  expect(task).toMatchObject({ status: "completed", partial: true, budget: { spent: { calls: 50 }, remaining: { calls: 0 } } });
  expect(new Set(calls.map(({ key }) => key)).size).toBe(50);
});

test("a task that may spend no more stops, and says so", async () => {
  await registerAgent("paid", { price: { per_call_usd: 0.4 } });
  agentsAnswer(used(0.4));
  const id = await submit({ workflow: { budget: { cost_usd: 5 }, steps: chain(3, "paid") }, budget: { cost_usd: 1 } });
  expect(await untilEnded(id)).toMatchObject({
    status: "failed",
    error: { code: "budget_exhausted", step_id: "s2" },
    budget: { limits: { cost_usd: 1 }, spent: { cost_usd: 0.8, calls: 2 } },
  });
  expect(calls).toHaveLength(2);
});

test("people are asked for more, by an approval that survives its object, and the task goes on", async () => {
  await registerAgent("dear", { price: { per_call_usd: 0.4 } });
  agentsAnswer(used(0.4));
  const id = await submit({ workflow: { steps: chain(2, "dear") }, budget: { cost_usd: 0.5, on_exhausted: "ask" } });
  const waiting = await untilStatus(id, "waiting");
  expect(waiting.waiting_on).toMatchObject({ type: "budget", step_id: "s1" });
  const approval = waiting.waiting_on?.approval_id ?? "";
  await abortAllDurableObjects();
  expect((await api("GET", `/approvals/${approval}`)).body).toMatchObject({ status: "pending", payload: { raise: { cost_usd: 0.3 } } });
  const decided = await api("POST", `/approvals/${approval}/decide`, { decision: "approve", payload: { raise: { cost_usd: 2 } } });
  expect(decided).toMatchObject({ status: 200, body: { status: "approved" } });
  expect(await untilEnded(id)).toMatchObject({ status: "completed", budget: { limits: { cost_usd: 2.5 }, spent: { cost_usd: 0.8 } } });
});

test("cheaper agents are taken when the better ones cannot be paid any more", async () => {
  await registerAgent("grand", { capabilities: ["text"], price: { per_call_usd: 0.4 } });
  await registerAgent("modest", { capabilities: ["text"], price: { per_call_usd: 0.05 } });
  agentsAnswer(({ url }) => Response.json({ output: 1, usage: { cost_usd: url.host.startsWith("grand") ? 0.4 : 0.05 } }));
  const select = { policy: "weighted" };
  const steps = chain(4, "text").map((step, index) =>
    index === 0 ? { ...step, capability: undefined, agent: "grand" } : { ...step, select },
  );
  const id = await submit({ workflow: { steps }, budget: { cost_usd: 0.6, on_exhausted: "cheaper" } });
  const task = await untilEnded(id);
  expect(task).toMatchObject({ status: "completed", budget: { spent: { cost_usd: 0.55 } } });
  expect(task.steps.map(({ agent }) => agent)).toEqual(["grand", "modest", "modest", "modest"]);
});

test("a task that another one starts spends what it is lent, and the rest comes back", async () => {
  await registerAgent("work", { price: { per_call_usd: 0.1 } });
  agentsAnswer(used(0.1));
  await api("PUT", "/workflows/part", { steps: chain(2, "work") });
  const steps = [
    { id: "one", type: "workflow", workflow: "part" },
    { id: "two", type: "workflow", workflow: "part", needs: ["one"], on_error: "continue" },
    { id: "last", capability: "work", needs: ["two"], run_if: "all_settled" },
  ];
  const id = await submit({ workflow: { steps }, budget: { cost_usd: 0.5 } });
  expect(await untilEnded(id)).toMatchObject({
    status: "completed",
    budget: { spent: { cost_usd: 0.5, calls: 5 }, reserved: { calls: 0 } },
  });
  const short = await submit({ workflow: { steps: steps.slice(0, 2) }, budget: { cost_usd: 0.35 } });
  expect(await untilEnded(short)).toMatchObject({
    budget: { spent: { cost_usd: 0.3 } },
    steps: [{}, { status: "failed", error: { code: "budget_exhausted" } }],
  });
});

test("a budget is checked as strictly as everything else", async () => {
  for (const budget of [
    {},
    { on_exhausted: "stop" },
    { cost_usd: -1 },
    { calls: 1.5 },
    { money: 1 },
    { calls: 1, on_exhausted: "panic" },
  ]) {
    expect((await api("POST", "/tasks", { workflow: { steps: chain(1, "work") }, budget })).status, JSON.stringify(budget)).toBe(400);
  }
});

test("a task that could not be started has spent nothing of what was lent to it", async () => {
  await registerAgent("work", { price: { per_call_usd: 0.1 } });
  agentsAnswer(used(0.1));
  await api("PUT", "/workflows/picky", {
    input_schema: { type: "object", required: ["n"] },
    steps: chain(1, "work"),
  });
  const steps = [
    { id: "one", type: "workflow", workflow: "picky", input: {}, on_error: "continue" },
    { id: "last", capability: "work", needs: ["one"], run_if: "all_settled" },
  ];
  const id = await submit({ workflow: { steps }, budget: { cost_usd: 0.5, calls: 3 } });
  expect(await untilEnded(id)).toMatchObject({ status: "completed", budget: { spent: { cost_usd: 0.1, calls: 1 } } });
});
