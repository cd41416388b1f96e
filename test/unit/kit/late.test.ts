import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AgentError, defineAgent, type AttemptContext, type Trouble } from "../../../src/kit/agent.ts";
import { ask, cancellation, gate, Orchestrator, problem } from "./orchestrator.ts";

const offering = { id: "agent", capabilities: ["work"] } as const;
let orchestrator: Orchestrator;
let troubles: Trouble[];

beforeEach(() => {
  vi.useFakeTimers();
  orchestrator = new Orchestrator();
  troubles = [];
});

afterEach(() => {
  expect(vi.getTimerCount(), "timers left behind").toBe(0);
  vi.useRealTimers();
});

/** An agent whose work ends when the test says so. */
function workshop(more: { replyWithinMs?: number; executeWithinMs?: number } = {}) {
  const work = gate();
  const seen: { context?: AttemptContext } = {};
  const agent = defineAgent({
    ...offering,
    ...more,
    execute: (_, context) => {
      seen.context = context;
      return work.promise;
    },
    fetch: orchestrator.fetch,
    onTrouble: (trouble) => troubles.push(trouble),
  });
  return { agent, work, seen, context: () => seen.context as AttemptContext };
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** The agent has answered 202 and works. */
async function accepted(more: { executeWithinMs?: number } = {}) {
  const shop = workshop({ replyWithinMs: 0, ...more });
  const answer = ask(shop.agent);
  await pass(0);
  expect(await answer).toMatchObject({ status: 202 });
  return shop;
}

describe("an answer", () => {
  test("within the time to reply is immediate, and nobody is called back", async () => {
    const { agent, work } = workshop();
    const answer = ask(agent);
    await pass(9_999);
    work.open("done");
    expect(await answer).toMatchObject({ status: 200, body: { output: "done" } });
    await pass(60_000);
    expect(orchestrator.told).toEqual([]);
  });

  test("that takes longer is a 202, and the output comes by callback with what was used", async () => {
    const { agent, work, context } = workshop();
    const answer = ask(agent);
    await pass(10_000);
    expect(await answer).toMatchObject({ status: 202 });
    context().usage({ output_tokens: 3 });
    work.open({ rows: 7 });
    await pass(0);
    expect(orchestrator.told).toMatchObject([{ verb: "complete", body: { output: { rows: 7 }, usage: { output_tokens: 3 } } }]);
  });

  test("that is a failure comes by callback in its words", async () => {
    const { work } = await accepted();
    work.open(Promise.reject(new AgentError({ code: "quota", message: "Later", retryAfterMs: 1_500 })));
    await pass(0);
    expect(orchestrator.told).toMatchObject([
      { verb: "fail", body: { code: "quota", message: "Later", retryable: true, retry_after: 1.5 } },
    ]);
  });

  test("comes in the end from work that hangs", async () => {
    const { context } = await accepted({ executeWithinMs: 60_000 });
    await pass(60_000);
    expect(orchestrator.of("fail")).toMatchObject([{ code: "agent_timeout", retryable: true }]);
    expect(context().signal.aborted).toBe(true);
  });
});

describe("while work goes on, heartbeats", () => {
  test("come at a third of the lease that they are told", async () => {
    orchestrator.leaseMs = 30_000;
    const { work } = await accepted();
    const start = Date.now();
    await pass(21_000);
    expect(orchestrator.told.map(({ verb, at }) => [verb, at - start])).toEqual([
      ["heartbeat", 1_000],
      ["heartbeat", 11_000],
      ["heartbeat", 21_000],
    ]);
    work.open(1);
    await pass(60_000);
    expect(orchestrator.told.map(({ verb }) => verb).slice(3)).toEqual(["complete"]);
  });

  test("come every ten seconds while no lease is known, and go on when they are not heard", async () => {
    orchestrator.answer = ({ verb }, count) =>
      verb === "complete" ? undefined : count === 1 ? Response.json({ lease_until: null }) : problem(503, "unavailable");
    const { work } = await accepted();
    const start = Date.now();
    await pass(11_000);
    expect(orchestrator.told.map(({ at }) => at - start)).toEqual([1_000, 11_000]);
    await pass(60_000);
    expect(orchestrator.told.length).toBeGreaterThan(5);
    work.open(1);
    await pass(0);
    expect(orchestrator.of("complete")).toEqual([{ output: 1 }]);
  });

  test("follow the orchestrator's clock where the agent's is off", async () => {
    const ahead = 3_600_000;
    orchestrator.answer = ({ verb }) =>
      verb === "heartbeat"
        ? Response.json(
            { lease_until: new Date(Date.now() + ahead + 30_000).toISOString() },
            { headers: { date: new Date(Date.now() + ahead).toUTCString() } },
          )
        : undefined;
    const { work } = await accepted();
    await pass(12_500);
    expect(orchestrator.of("heartbeat")).toHaveLength(2);
    work.open(1);
    await pass(0);
  });

  test("that are refused are told to the agent's owner, and neither they nor the work stop", async () => {
    orchestrator.answer = ({ verb }) => (verb === "heartbeat" ? problem(422, "limit_reached") : undefined);
    const { work } = await accepted();
    await pass(11_000);
    expect(orchestrator.of("heartbeat")).toHaveLength(2);
    expect(troubles.map(({ message }) => message)).toEqual(Array(2).fill(expect.stringContaining("because of limit_reached")));
    work.open("done");
    await pass(0);
    expect(orchestrator.of("complete")).toEqual([{ output: "done" }]);
  });

  test("are never a flood and never far between, whatever the lease", async () => {
    orchestrator.leaseMs = 0;
    const { work } = await accepted();
    await pass(2_000);
    expect(orchestrator.told.length).toBeLessThanOrEqual(11);
    orchestrator.leaseMs = 365 * 86_400_000;
    await pass(100);
    const before = orchestrator.told.length;
    await pass(600_000);
    expect(orchestrator.told.length - before).toBe(2);
    work.open(1);
    await pass(0);
  });
});

describe("progress", () => {
  test("is sent at once, also before there is an answer", async () => {
    const { agent, work, context } = workshop();
    const answer = ask(agent);
    await pass(0);
    context().progress({ percent: 10 }, { extend: "10m" });
    await pass(0);
    expect(orchestrator.told).toMatchObject([{ verb: "heartbeat", body: { progress: { percent: 10 }, extend: "10m" } }]);
    work.open(1);
    expect(await answer).toMatchObject({ status: 200 });
  });

  test("reported from the first line of the work is not lost", async () => {
    const agent = defineAgent({
      ...offering,
      fetch: orchestrator.fetch,
      execute: (_, { progress }) => {
        progress("begun");
        return new Promise((resolve) => setTimeout(resolve, 100));
      },
    });
    const answer = ask(agent);
    await pass(100);
    await answer;
    expect(orchestrator.of("heartbeat")).toEqual([{ progress: "begun" }]);
  });

  test("is sent one at a time, and of what came meanwhile the latest; what was to be extended stays so", async () => {
    const reply = gate<undefined>();
    orchestrator.answer = (_, count) => (count === 1 ? reply.promise : undefined);
    const { work, context } = await accepted();
    context().progress(1);
    await pass(0);
    for (const [index, options] of [{}, { extend: "1h" }, {}].entries()) context().progress(index + 2, options);
    await pass(5_000);
    expect(orchestrator.of("heartbeat")).toEqual([{ progress: 1 }]);
    reply.open(undefined);
    await pass(1_000);
    expect(orchestrator.of("heartbeat")).toEqual([{ progress: 1 }, { progress: 4, extend: "1h" }]);
    work.open(1);
    await pass(0);
  });

  test("is as it was when it was reported, whatever becomes of the object", async () => {
    const reply = gate<undefined>();
    orchestrator.answer = (_, count) => (count === 1 ? reply.promise : undefined);
    const { work, context } = await accepted();
    context().progress("first");
    const state = { done: 1 };
    context().progress(state);
    state.done = 2;
    reply.open(undefined);
    await pass(1_000);
    expect(orchestrator.of("heartbeat").at(-1)).toEqual({ progress: { done: 1 } });
    work.open(1);
    await pass(0);
  });

  test("that was not heard is sent again, unless there is news", async () => {
    orchestrator.answer = ({ verb }, count) => (verb === "heartbeat" && count <= 2 ? problem(503, "unavailable") : undefined);
    const { work, context } = await accepted();
    context().progress("half");
    await pass(5_000);
    expect(orchestrator.of("heartbeat").slice(0, 3)).toEqual([{ progress: "half" }, { progress: "half" }, { progress: "half" }]);
    work.open(1);
    await pass(0);
  });

  test("that is too large or no JSON is left out and told to the agent's owner; the work goes on", async () => {
    const { work, context } = await accepted();
    context().progress("x".repeat(5_000));
    context().progress(1n);
    await pass(1_000);
    expect(orchestrator.of("heartbeat")).toEqual([{}]);
    expect(troubles.map(({ message }) => message)).toEqual([expect.stringContaining("5002 characters"), expect.stringContaining("BigInt")]);
    work.open(1);
    await pass(0);
    expect(orchestrator.of("complete")).toHaveLength(1);
  });
});

describe("when nobody wants the outcome any more", () => {
  test.each(["attempt_superseded", "attempt_canceled"])("a heartbeat that hears %s aborts the work, silently", async (code) => {
    orchestrator.answer = () => problem(409, code);
    const { work, context } = await accepted();
    await pass(1_000);
    expect(context().signal.aborted).toBe(true);
    expect(String(context().signal.reason)).toContain(code);
    work.open(Promise.reject(new Error("aborted")));
    await pass(60_000);
    expect(orchestrator.told.map(({ verb }) => verb)).toEqual(["heartbeat"]);
    expect(troubles).toEqual([]);
  });

  test("a cancellation aborts the attempt it names, and no other", async () => {
    const { agent, work, context } = await accepted();
    expect(await ask(agent, cancellation(2))).toMatchObject({ status: 204 });
    await pass(0);
    expect(context().signal.aborted).toBe(false);
    expect(await ask(agent, cancellation(1))).toMatchObject({ status: 204 });
    await pass(0);
    expect(context().signal.aborted).toBe(true);
    work.open(1);
    await pass(60_000);
    expect(orchestrator.told).toEqual([]);
  });

  test("a caller who still waits is told so", async () => {
    const { agent } = workshop();
    const answer = ask(agent);
    await pass(100);
    await ask(agent, cancellation());
    await pass(0);
    expect(await answer).toMatchObject({ status: 409, body: { code: "attempt_canceled", detail: "task_canceled", retryable: false } });
  });

  test("its success is not reported as trouble", async () => {
    orchestrator.answer = ({ verb }) => (verb === "complete" ? problem(409, "attempt_superseded") : undefined);
    const { work } = await accepted();
    work.open(1);
    await pass(60_000);
    expect(orchestrator.told.map(({ verb }) => verb)).toEqual(["complete"]);
    expect(troubles).toEqual([]);
  });
});

describe("a report that is not heard", () => {
  test.each([
    ["the network fails", () => Promise.reject(new TypeError("fetch failed"))],
    ["the service is away", () => problem(503, "unavailable")],
    ["there are too many requests", () => problem(429, "rate_limited")],
  ])("is made again while %s, and heartbeats keep the attempt meanwhile", async (_, answer) => {
    orchestrator.leaseMs = 3_000;
    orchestrator.answer = ({ verb }, count) => (verb === "complete" && count <= 6 ? answer() : undefined);
    const { work } = await accepted();
    work.open("done");
    await pass(60_000);
    expect(orchestrator.of("complete")).toHaveLength(7);
    expect(orchestrator.of("heartbeat").length).toBeGreaterThan(3);
    expect(troubles).toEqual([]);
  });

  test("is not made again before the time that the service names", async () => {
    orchestrator.answer = ({ verb }, count) =>
      verb === "complete" && count === 1 ? problem(503, "unavailable", { "retry-after": "20" }) : undefined;
    const { work } = await accepted();
    work.open("done");
    await pass(19_999);
    expect(orchestrator.of("complete")).toHaveLength(1);
    await pass(1);
    expect(orchestrator.of("complete")).toHaveLength(2);
  });

  test("is given up after ten tries, and the agent's owner hears of it", async () => {
    orchestrator.answer = () => Promise.reject(new TypeError("fetch failed"));
    const { work } = await accepted();
    work.open("done");
    await pass(120_000);
    expect(orchestrator.of("complete")).toHaveLength(10);
    expect(troubles).toMatchObject([{ taskId: "task_1", message: expect.stringContaining("fetch failed") as string }]);
  });

  test("stops once a heartbeat hears that nobody wants it", async () => {
    orchestrator.answer = ({ verb }) => (verb === "complete" ? problem(503, "unavailable") : problem(409, "attempt_superseded"));
    const { work } = await accepted();
    work.open("done");
    await pass(1_000);
    const tries = orchestrator.of("complete").length;
    await pass(60_000);
    expect(orchestrator.of("complete")).toHaveLength(tries);
  });

  test("because the output is refused is followed by a failure that says so", async () => {
    orchestrator.answer = ({ verb }) => (verb === "complete" ? problem(413, "body_too_large") : undefined);
    const { work } = await accepted();
    work.open("done");
    await pass(0);
    expect(orchestrator.of("complete")).toHaveLength(1);
    expect(orchestrator.of("fail")).toMatchObject([
      { code: "output_refused", message: expect.stringContaining("because of body_too_large") as string, retryable: false },
    ]);
  });
});
