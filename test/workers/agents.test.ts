/** Agents with limits, agents that pull, breakers, hedges, ensembles: everything that goes through an agent's own object. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { agentsAnswer, api, calls, eventsOf, gate, registerAgent, resultOf, submit, taskOf, untilEnded } from "./harness.ts";

const agentStub = (id: string) => env.AGENTS.getByName(`default/${id}`);
const wide = (count: number, capability: string) => ({
  workflow: { steps: Array.from({ length: count }, (_, index) => ({ id: `s${index}`, capability })) },
});

describe("an agent with limits", () => {
  test("is never asked by more at once, and everybody's turn comes", async () => {
    await registerAgent("narrow", { limits: { max_concurrency: 2 } });
    let [busy, most] = [0, 0];
    agentsAnswer(async () => {
      most = Math.max(most, ++busy);
      await scheduler.wait(5);
      busy--;
      return Response.json({ output: 1 });
    });
    const task = await untilEnded(await submit(wide(12, "narrow")));
    expect(task.status).toBe("completed");
    expect(most).toBe(2);
    expect(calls).toHaveLength(12);
  });

  test("whoever waits is told for whom, and at which place", async () => {
    await registerAgent("single", { limits: { max_concurrency: 1 } });
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit(wide(3, "single"));
    const waiting = await vi.waitUntil(
      async () => {
        const { steps } = await taskOf(id);
        return steps.filter(({ status }) => status === "waiting").length === 2 && steps.some(({ status }) => status === "running") && steps;
      },
      { timeout: 10_000 },
    );
    expect(waiting.map(({ waiting_on }) => waiting_on?.position ?? 0)).toEqual([0, 1, 2]);
    expect(waiting[1]?.waiting_on).toMatchObject({ type: "capacity", agent: "single" });
    await evictDurableObject(agentStub("single"));
    held.open();
    expect((await untilEnded(id)).status).toBe("completed");
    expect(calls).toHaveLength(3);
  });
});

describe("an agent that pulls", () => {
  test("gets work when it asks, and its replies count", async () => {
    expect((await api("PUT", "/agents/puller", { kind: "pull", capabilities: ["digging"] })).status).toBe(201);
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "digging", input: { depth: 3 } }] } });
    const claimed = await api<{ attempts: { input: unknown; context: { callback_url: string } }[] }>(
      "POST",
      "/agents/puller/claim?wait=5s",
      {},
    );
    expect(claimed.body.attempts).toMatchObject([{ task_id: id, step_id: "a", attempt: 1, capability: "digging", input: { depth: 3 } }]);
    const path = new URL(claimed.body.attempts[0]?.context.callback_url ?? "").pathname.replace("/api/v1", "");
    expect((await api("POST", `${path}/complete`, { output: { found: 1 } })).status).toBe(200);
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await resultOf(id)).toEqual({ a: { found: 1 } });
    expect((await api<{ attempts: unknown[] }>("POST", "/agents/puller/claim", {})).body.attempts).toEqual([]);
  });

  test("a worker that waits is woken", async () => {
    await api("PUT", "/agents/sleeper", { kind: "pull", capabilities: ["dreaming"] });
    const claiming = api<{ attempts: unknown[] }>("POST", "/agents/sleeper/claim?wait=10s", {});
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "dreaming" }] } });
    expect((await claiming).body.attempts).toMatchObject([{ task_id: id }]);
  });
});

describe("a breaker", () => {
  test("opens after failures in a row, and the agent is left alone", async () => {
    await registerAgent("broken", { breaker: { consecutive: 3, cooldown: "1h" }, limits: { max_concurrency: 1 } });
    agentsAnswer(() => new Response("{}", { status: 500 }));
    const id = await submit({
      workflow: { steps: [{ id: "a", capability: "broken", retry: { max_attempts: 10, delay: "1ms" }, on_error: { output: "none" } }] },
      queue_ttl: "1s",
    });
    await vi.waitUntil(async () => (await api("GET", "/agents/broken")).body["status"] === "unhealthy", { timeout: 10_000 });
    expect(calls).toHaveLength(3);
    const task = await untilEnded(id);
    expect(task.status).toBe("completed");
    expect(task.steps[0]?.degraded).toMatchObject({ code: "no_agent" });
    expect(calls).toHaveLength(3);
  });
});

describe("a second agent", () => {
  test("is asked when the first takes long; the first reply counts and the other is let go", async () => {
    await registerAgent("slow", { capabilities: ["answering"], expected_latency: "1ms" });
    await registerAgent("quick", { capabilities: ["answering"], expected_latency: "500ms" });
    const held = gate();
    agentsAnswer(async ({ attempt, stepId }) => {
      if (attempt === 1) await held.passed();
      return Response.json({ output: { stepId, attempt } });
    });
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "answering", hedge: { after: "50ms" } }] } });
    const task = await untilEnded(id);
    held.open();
    expect(task.status).toBe("completed");
    expect(await resultOf(id)).toEqual({ a: { stepId: "a", attempt: 2 } });
    expect((await eventsOf(id)).map(({ type }) => type)).toContain("attempt.canceled");
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
    expect(new Set(calls.map(({ url }) => url.host)).size).toBe(2);
  });
});

describe("an ensemble", () => {
  test("is decided by as many equal replies as it wants", async () => {
    for (const name of ["v1", "v2", "v3"]) await registerAgent(name, { capabilities: ["voting"] });
    agentsAnswer(({ url }) => Response.json({ output: { vote: url.host === "v2.example" ? "no" : "yes", by: url.host } }));
    const ensemble = { agents: 3, mode: "quorum", by: "output.vote" };
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "voting", ensemble }] } });
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await resultOf(id)).toMatchObject({ a: { vote: "yes" } });
  });
});

describe("fallbacks", () => {
  test("come after the attempts, and the result says so", async () => {
    await registerAgent("first");
    await registerAgent("second");
    agentsAnswer(({ url }) => (url.host === "first.example" ? new Response("{}", { status: 500 }) : Response.json({ output: "saved" })));
    const id = await submit({
      workflow: { steps: [{ id: "a", capability: "first", retry: { max_attempts: 2, delay: "1ms" }, fallback: [{ agent: "second" }] }] },
    });
    await untilEnded(id);
    const result = await api("GET", `/tasks/${id}/result`);
    expect(result.body).toMatchObject({
      status: "completed",
      output: { a: "saved" },
      degraded: [{ step_id: "a", code: "agent_unavailable" }],
    });
    expect(calls.map(({ url }) => url.host)).toEqual(["first.example", "first.example", "second.example"]);
    await runDurableObjectAlarm(agentStub("first")).catch(() => false);
  });
});
