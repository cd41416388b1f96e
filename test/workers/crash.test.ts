/**
 * A scripted task, interrupted at every point there is: its object evicted or aborted at each call of an agent, before
 * and after the agent has worked, and after each commit. The facts must come out as if nothing had happened.
 */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { interrupted, moment } from "./interruptions.ts";
import {
  agentsAnswer,
  api,
  calls,
  clockAhead,
  eventsOf,
  registerAgent,
  resultOf,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  type Asked,
} from "./harness.ts";

/** Fan-out, retry, callback, relay, queue, slot, pull, ensemble, condition, degraded step and fan-in: eleven kinds of step, twelve calls. */
const script = {
  workflow: {
    steps: [
      { id: "split", capability: "inline", input: { n: "${ input.n }" } },
      { id: "left", capability: "inline", input: "${ steps.split.output }" },
      { id: "flaky", capability: "inline", needs: ["split"], retry: { delay: "1ms", max_attempts: 2 } },
      { id: "relayed", capability: "relayed", needs: ["split"] },
      { id: "queued", capability: "queued", needs: ["split"] },
      { id: "called-back", capability: "callback", needs: ["split"] },
      { id: "limited", capability: "limited", needs: ["split"] },
      { id: "pulled", capability: "pulled", needs: ["split"] },
      { id: "both", capability: "twin", needs: ["split"], ensemble: { agents: 2, mode: "all" } },
      { id: "broken", capability: "inline", needs: ["split"], on_error: { output: "fallback" } },
      { id: "skipped", capability: "inline", when: "steps.split.output.n > 9" },
      {
        id: "join",
        capability: "inline",
        needs: ["left", "flaky", "relayed", "queued", "called-back", "limited", "pulled", "both", "broken"],
        input: ["${ steps.left.output.n }", "${ steps.broken.output }"],
      },
    ],
  },
  input: { n: 3 },
};

async function registerAll(): Promise<void> {
  await registerAgent("inline", { dispatch: "inline" });
  await registerAgent("relayed", { dispatch: "relay" });
  await registerAgent("queued", { dispatch: "queue" });
  await registerAgent("callback", { dispatch: "inline" });
  await registerAgent("limited", { dispatch: "inline", limits: { max_concurrency: 1 } });
  for (const twin of ["twin1", "twin2"]) await registerAgent(twin, { dispatch: "inline", capabilities: ["twin"] });
  await api("PUT", "/agents/pulling", { kind: "pull", capabilities: ["pulled"] });
}

/** A worker that asks for work now and then, and whose reply may be lost with its claim. */
async function pull(): Promise<void> {
  const claimed = await api<{ attempts?: { context: { callback_url: string } }[] }>("POST", "/agents/pulling/claim", {});
  for (const { context } of claimed.body.attempts ?? []) {
    await api("POST", new URL(context.callback_url).pathname.replace("/api/v1", "") + "/complete", { output: "pulled" });
  }
}

/** What the agents do, the same whoever asks and however often. */
async function work(asked: Asked): Promise<Response> {
  switch (asked.stepId) {
    case "flaky":
      return asked.attempt === 1 ? new Response("{}", { status: 503 }) : Response.json({ output: "at last" });
    case "broken":
      return Response.json({ code: "broken", message: "always" }, { status: 400 });
    case "called-back":
      return new Response(null, { status: 202 });
    case "both":
      return Response.json({ output: "twin" });
    default:
      return Response.json({ output: { step: asked.stepId, n: 3, input: asked.input } });
  }
}

/** An agent that called back does so again until it is heard: that is what a robust one does. */
async function callBack(id: string): Promise<void> {
  const asked = calls.filter(({ stepId, taskId }) => stepId === "called-back" && taskId === id);
  for (const { callbackUrl } of asked)
    await api("POST", new URL(callbackUrl).pathname.replace("/api/v1", "") + "/complete", { output: "called" });
}

/** The facts, without times and without what only says that something was sent or arrived once more. */
function essence(events: readonly EventView[]): readonly string[] {
  const incidental = ["attempt.claimed", "attempt.lost", "task.archived"];
  return (
    events
      .filter(({ type }) => !incidental.includes(type))
      // A claim whose answer got lost runs out like any lost worker's, and is made again.
      .filter(({ type, step_id }) => step_id !== "pulled" || type === "step.completed")
      .map(
        ({ type, step_id, data }) =>
          `${step_id ?? ""} ${type} ${JSON.stringify({ attempt: step_id === "pulled" || data["attempt"], output: data["output"], error: (data["error"] as { code?: string } | undefined)?.code, reason: data["reason"] })}`,
      )
      .toSorted()
  );
}

/** Lets time pass and alarms ring until the task has ended. */
async function drive(id: string): Promise<void> {
  for (let rounds = 0; ; rounds++) {
    expect(rounds, JSON.stringify((await taskOf(id)).steps.map(({ id: step, status }) => `${step} ${status}`))).toBeLessThan(200);
    const { status } = await taskOf(id);
    if (status === "completed") return;
    expect(["running", "waiting"]).toContain(status);
    await callBack(id);
    await pull();
    await scheduler.wait(10);
    // What was lost with a queue message is found after half a minute, what was lost with its consumer after its lease.
    if (rounds % 10 === 9) clockAhead(6 * 60_000);
    await runDurableObjectAlarm(stubOf(id)).catch(() => false);
    // A slot that was not given back is found when its holder is asked.
    for (const agent of ["limited", "pulling"]) await runDurableObjectAlarm(env.AGENTS.getByName(`default/${agent}`)).catch(() => false);
  }
}

async function undisturbed(): Promise<{ readonly facts: readonly string[]; readonly rows: number; readonly calls: number }> {
  await registerAll();
  agentsAnswer(work);
  const id = await submit(script);
  await drive(id);
  const rows = await runInDurableObject(
    stubOf(id),
    (_, state) => state.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM journal").one().rows,
  );
  return { facts: essence(await eventsOf(id)), rows, calls: calls.length };
}

/** After any disturbance: the same facts, the same result, no call to a step after it was done, one key per step. */
async function expectSame(id: string, facts: readonly string[]): Promise<void> {
  const events = await eventsOf(id);
  expect(essence(events)).toEqual(facts);
  expect(await resultOf(id)).toEqual({ join: { step: "join", n: 3, input: [3, "fallback"] } });
  expect(new Set(calls.map(({ key, stepId }) => `${stepId} ${key}`)).size).toBe(new Set(calls.map(({ stepId }) => stepId)).size);
  expect(events.filter(({ type }) => type === "step.completed").length).toBe(11);
}

/** Runs the script while `isPoint` says at which calls of an agent all objects are aborted. */
async function runAborted(isPoint: (call: number) => boolean, when: "before" | "after"): Promise<string> {
  agentsAnswer(async (asked) => {
    await moment("call before");
    const answer = await work(asked);
    await moment("call after");
    return answer;
  });
  return interrupted(
    (moment, n) => moment === `call ${when}` && isPoint(n),
    async () => {
      const id = await submit(script);
      await drive(id);
      return id;
    },
  );
}

describe("a task whose object is interrupted", () => {
  const POINTS = Array.from({ length: 12 }, (_, index) => index + 1);

  test.each(POINTS)("aborted when an agent is called for the %ith time, before it has worked", async (point) => {
    const { facts } = await undisturbed();
    calls.length = 0;
    await expectSame(await runAborted((call) => call === point, "before"), facts);
  });

  test.each(POINTS)("aborted right after an agent has worked for the %ith time", async (point) => {
    const { facts } = await undisturbed();
    calls.length = 0;
    await expectSame(await runAborted((call) => call === point, "after"), facts);
  });

  test("aborted again and again", async () => {
    const { facts } = await undisturbed();
    calls.length = 0;
    await expectSame(await runAborted((call) => call % 3 === 0 && call < 30, "before"), facts);
  });

  test.each(POINTS)("evicted after about %i thirds of a dozen facts", async (point) => {
    const { facts } = await undisturbed();
    calls.length = 0;
    agentsAnswer(async (asked) => {
      await scheduler.wait(20); // so that there is something to interrupt
      return work(asked);
    });
    const id = await submit(script);
    await vi.waitUntil(async () => (await eventsOf(id)).length >= point * 4, { timeout: 2_000 }).catch(() => undefined);
    await evictDurableObject(stubOf(id)).catch(() => undefined);
    await drive(id);
    await expectSame(id, facts);
  });
});

test("the alarm alone finishes a task that nobody asks about", async () => {
  await registerAll();
  agentsAnswer(async () => {
    await scheduler.wait(10_000);
    return new Response();
  });
  const id = await submit({
    workflow: {
      steps: [
        { id: "a", capability: "inline" },
        { id: "b", capability: "inline", needs: ["a"] },
      ],
    },
  });
  await vi.waitUntil(() => calls.length === 1);
  await abortAllDurableObjects();
  agentsAnswer(work);
  await runDurableObjectAlarm(stubOf(id));
  await vi.waitUntil(() => calls.length === 3, { timeout: 5_000 });
  expect(calls.map(({ stepId, attempt }) => [stepId, attempt])).toEqual([
    ["a", 1],
    ["a", 1],
    ["b", 1],
  ]);
  expect((await untilEnded(id)).status).toBe("completed");
});

test("an attempt that was lost and that the alarm has sent again is not sent a third time once its agent accepted it", async () => {
  await registerAgent("accepting", { dispatch: "inline" });
  agentsAnswer(() => {
    if (calls.length === 1) throw new Error("The Durable Object's code was updated");
    return new Response(null, { status: 202 });
  });
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "accepting" }] } });
  await vi.waitUntil(async () => (await eventsOf(id)).some(({ type }) => type === "attempt.lost"), { timeout: 5_000, interval: 1 });
  await runDurableObjectAlarm(stubOf(id));
  await vi.waitUntil(async () => (await eventsOf(id)).some(({ type }) => type === "attempt.claimed"), { timeout: 5_000, interval: 5 });
  await scheduler.wait(3 * LIMITS.lostPauseMs);
  expect(calls).toHaveLength(2);
});

test("a call that is to be made again is not, once its agent has called back", async () => {
  await registerAgent("early", { dispatch: "inline", limits: { rate: { count: 1, per: "1s" } } });
  agentsAnswer(async () => {
    await scheduler.wait(10_000);
    return new Response();
  });
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "early" }] } });
  await vi.waitUntil(() => calls.length === 1, { timeout: 5_000 });
  await abortAllDurableObjects();
  // The next instance wants to call again, and may a second later.
  const path = new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "");
  expect((await api("POST", `${path}/complete`, { output: "early" })).status).toBe(200);
  expect(await taskOf(id)).toMatchObject({ status: "completed" });
  await scheduler.wait(1_500);
  expect(calls).toHaveLength(1);
});

test("a task that was accepted has its alarm", async () => {
  await registerAll();
  agentsAnswer(async () => {
    await scheduler.wait(10_000);
    return new Response();
  });
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "inline" }] } });
  const alarmAt = await runInDurableObject(stubOf(id), (_, state) => state.storage.getAlarm());
  expect(alarmAt).toBeGreaterThan(Date.now());
  expect(alarmAt).toBeLessThanOrEqual(Date.now() + 30_000);
});

test("an alarm that the platform gave up is set again by whoever looks next", async () => {
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "nobody" }] } });
  await runInDurableObject(stubOf(id), (_, state) => state.storage.deleteAlarm());
  await evictDurableObject(stubOf(id));
  expect(await runInDurableObject(stubOf(id), (_, state) => state.storage.getAlarm())).toBeNull();
  expect(await taskOf(id)).toMatchObject({ status: "waiting" });
  expect(await runInDurableObject(stubOf(id), (_, state) => state.storage.getAlarm())).not.toBeNull();
});

test("a task that cannot make progress is sealed instead of waking for ever", async () => {
  await registerAll();
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "nobody-offers-this" }] } });
  await runInDurableObject(stubOf(id), (_, state) => state.storage.kv.put("alarm_failures", 4));
  await runDurableObjectAlarm(stubOf(id));
  expect(await taskOf(id)).toMatchObject({ status: "failed", error: { code: "internal" } });
});
