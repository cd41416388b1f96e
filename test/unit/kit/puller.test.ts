import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AgentError, defineAgent, type AttemptContext } from "../../../src/kit/agent.ts";
import type { Fetch } from "../../../src/kit/callback.ts";
import { createPuller, PullRefused } from "../../../src/kit/puller.ts";
import { ask, bodyOf, gate, problem, type Gate } from "./orchestrator.ts";
import { PullServer } from "./pull-server.ts";
import { until } from "./until.ts";

const offering = { id: "puller", capabilities: ["work"] } as const;
const KEY = "key_of_the_agent";

describe("a puller", () => {
  let server: PullServer;
  let ending: AbortController;
  let running: Map<string, { readonly context: AttemptContext; readonly work: Gate<unknown> }>;
  let most = 0;

  beforeEach(async () => {
    server = await PullServer.start();
    ending = new AbortController();
    running = new Map();
    most = 0;
  });

  afterEach(async () => {
    ending.abort();
    await server.stop();
  });

  /** An agent whose work ends when the test says so. */
  const agent = () =>
    defineAgent({
      ...offering,
      execute: async (_, context) => {
        const work = gate();
        running.set(context.stepId, { context, work });
        most = Math.max(most, running.size);
        try {
          return await work.promise;
        } finally {
          running.delete(context.stepId);
        }
      },
    });
  const pull = (concurrency?: number, pulled = agent()): Promise<void> =>
    createPuller({ api: server.api, key: KEY, agent: pulled, ...(concurrency !== undefined && { concurrency }) }).run(ending.signal);
  const told = (): readonly string[] => server.told.map(({ about }) => about);
  const runs = (step: string) => until(() => running.get(step));

  test("carries out what it claims, with its key, and reports through the callback URL", async () => {
    const run = pull(
      1,
      defineAgent({ ...offering, execute: (input: number, { traceparent, idempotencyKey }) => [input, traceparent, idempotencyKey] }),
    );
    server.offer("a", 7);
    await until(() => told().includes("a complete"));
    expect(server.told).toEqual([{ about: "a complete", body: { output: [7, "00-1-2-01", "task_1/a/1"] } }]);
    expect(server.claims[0]).toEqual({ url: "/api/v1/agents/puller/claim?wait=20s", authorization: `Bearer ${KEY}`, max: 1 });
    ending.abort();
    await run;
  });

  test("reports a failure in the agent's words", async () => {
    void pull(
      1,
      defineAgent({
        ...offering,
        execute: () => {
          throw new AgentError({ code: "bad_input", message: "No text", retryable: false });
        },
      }),
    );
    server.offer("a");
    await until(() => told().includes("a fail"));
    expect(server.told[0]?.body).toEqual({ code: "bad_input", message: "No text", retryable: false });
  });

  test("never has more at once than it may, and claims only what it has room for", async () => {
    void pull(2);
    for (const step of ["a", "b", "c", "d"]) server.offer(step);
    for (const step of ["a", "b", "c", "d"]) {
      (await runs(step)).work.open(step);
      await until(() => told().includes(`${step} complete`));
    }
    await until(() => server.waiting === 1);
    expect(most).toBe(2);
    expect(Math.max(...server.claims.map(({ max }) => max))).toBe(2);
  });

  test("claims more while it works, if it has room", async () => {
    void pull(3);
    server.offer("a");
    await runs("a");
    await until(() => server.waiting === 1);
    expect(server.claims.at(-1)?.max).toBe(2);
    server.offer("b");
    await runs("b");
    for (const { work } of running.values()) work.open(null);
  });

  test("keeps what it works on by heartbeats, from the lease that came with it", async () => {
    server.leaseMs = 300;
    void pull();
    server.offer("a");
    const { context, work } = await runs("a");
    await until(() => told().filter((about) => about === "a heartbeat").length >= 3);
    context.progress({ percent: 50 });
    await until(() => server.told.some(({ body }) => JSON.stringify(body).includes("percent")));
    work.open("done");
    await until(() => told().includes("a complete"));
  });

  test("drops what nobody wants any more, and goes on with other work", async () => {
    server.leaseMs = 300;
    server.superseded.add("a");
    void pull();
    server.offer("a");
    const { context, work } = await runs("a");
    await until(() => context.signal.aborted);
    server.offer("b");
    (await runs("b")).work.open("done");
    await until(() => told().includes("b complete"));
    expect(told()).not.toContain("a complete");
    work.open(null);
  });

  test("knows work that it has done, whichever way it came", async () => {
    let count = 0;
    const both = defineAgent({ ...offering, execute: () => ++count });
    expect(await ask(both, { key: "task_1/a/1", step: "a" })).toMatchObject({ body: { output: 1 } });
    void pull(1, both);
    server.offer("a");
    await until(() => told().includes("a complete"));
    expect(server.told[0]?.body).toEqual({ output: 1 });
  });

  test("that is told to end claims no more, and ends when what runs was reported", async () => {
    let hasEnded = false;
    const run = pull(2).then(() => (hasEnded = true));
    server.offer("a");
    const { work } = await runs("a");
    await until(() => server.waiting === 1);
    ending.abort();
    await until(() => server.waiting === 0);
    expect(hasEnded).toBe(false);
    const claims = server.claims.length;
    work.open("done");
    await run;
    expect(told()).toEqual(["a complete"]);
    expect(server.claims).toHaveLength(claims);
  });

  test("that is told to end while there is no work ends at once, although spaces came already", async () => {
    const run = pull();
    await until(() => server.spaces > 5);
    ending.abort();
    await run;
    await until(() => server.waiting === 0);
  });

  test("that was told to end before it began does nothing", async () => {
    ending.abort();
    await pull();
    expect(server.claims).toEqual([]);
  });

  test("refuses an attempt that it cannot read, where that says whom to tell", async () => {
    void pull();
    server.offer("a", 1, { attempt: "first" });
    await until(() => told().includes("a fail"));
    expect(server.told[0]?.body).toMatchObject({ code: "invalid_request", retryable: false });
    expect(JSON.stringify(server.told[0]?.body)).toContain("/attempt");
  });
});

describe("a puller's claims", () => {
  let asked: number[];
  let ending: AbortController;

  beforeEach(() => {
    vi.useFakeTimers();
    asked = [];
    ending = new AbortController();
  });

  afterEach(async () => {
    ending.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount(), "timers left behind").toBe(0);
    vi.useRealTimers();
  });

  const agent = defineAgent({ ...offering, execute: () => new Promise((resolve) => setTimeout(resolve, 5_000)) });
  const pull = (answer: (count: number) => Response | Promise<Response>, fetch?: Fetch): Promise<void> => {
    const claiming: Fetch = async (url, init) => {
      if (fetch !== undefined && !url.includes("/claim")) return fetch(url, init);
      asked.push(Date.now());
      return answer(asked.length);
    };
    return createPuller({ api: "https://orchestrator.example/api/v1/", key: KEY, agent, fetch: claiming }).run(ending.signal);
  };
  const pauses = (): readonly number[] => asked.slice(1).map((at, index) => at - (asked[index] as number));

  test.each([
    ["the service is away", () => problem(503, "unavailable")],
    ["there are too many", () => problem(429, "rate_limited")],
    ["the network fails", () => Promise.reject(new TypeError("fetch failed"))],
    ["the answer is no JSON", () => new Response("<html>")],
    ["the answer is another", () => Response.json({ data: [] })],
    ["nothing in the answer can be read", () => Response.json({ attempts: [{}, 7] })],
  ])("come ever less often, up to every half minute, while %s", async (_, answer) => {
    const run = pull(answer);
    await vi.advanceTimersByTimeAsync(600_000);
    expect(asked.length).toBeGreaterThan(20);
    expect(asked.length).toBeLessThan(60);
    expect(Math.max(...pauses())).toBeLessThanOrEqual(30_000);
    expect(Math.min(...pauses())).toBeGreaterThanOrEqual(250);
    expect(Math.min(...pauses().slice(10))).toBeGreaterThanOrEqual(15_000);
    ending.abort();
    await run;
  });

  test.each([
    ["in seconds", () => "120", 120_000],
    ["as a date", () => new Date(Date.now() + 120_000).toUTCString(), 119_000],
    ["beyond reason", () => "99999999999", 300_000],
  ])("wait for as long as the service says, up to five minutes: %s", async (_, retryAfter, ms) => {
    void pull(() => problem(429, "rate_limited", { "retry-after": retryAfter() }));
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(asked).toHaveLength(2);
  });

  test("are soon frequent again once there was an answer", async () => {
    void pull((count) => (count === 10 ? Response.json({ attempts: [] }) : problem(503, "unavailable")));
    await vi.advanceTimersByTimeAsync(300_000);
    expect(pauses()[9]).toBeLessThanOrEqual(1_000);
  });

  test("do not follow each other at once where the service does not wait for work", async () => {
    void pull(() => Response.json({ attempts: [] }));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(11);
  });

  test("are not made while what was given exceeds what was asked for; all of it is carried out, in turn", async () => {
    const callback = (step: string): string => `https://orchestrator.example/callbacks/${step}`;
    const attempts = ["a", "b", "c"].map((step) => bodyOf({ step, callbackUrl: callback(step) }));
    const completed: (readonly [string, number])[] = [];
    const start = Date.now();
    void pull(
      (count) => Response.json({ attempts: count === 1 ? attempts : [] }),
      async (url) => {
        if (url.endsWith("/complete")) completed.push([url, Date.now() - start]);
        return Response.json({ lease_until: null });
      },
    );
    await vi.advanceTimersByTimeAsync(15_000);
    expect(completed).toEqual(["a", "b", "c"].map((step, index) => [`${callback(step)}/complete`, 5_000 * (index + 1)]));
    expect(asked.map((at) => at - start)).toEqual([0, 15_000]);
  });

  test.each([
    [401, "does not know this key"],
    [403, "role agent"],
    [404, 'no agent "puller"'],
    [405, "status 405"],
  ])("end for good with %i, with what to do", async (status, expected) => {
    const run = pull(() => problem(status, "x"));
    const refused = await run.catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PullRefused);
    expect((refused as PullRefused).status).toBe(status);
    expect((refused as PullRefused).message).toContain(expected);
    expect((refused as PullRefused).message).toContain("because of x");
    expect(asked).toHaveLength(1);
  });

  test("that are held beyond any measure are given up and made again", async () => {
    const run = createPuller({
      api: "https://orchestrator.example/api/v1",
      key: KEY,
      agent,
      waitSeconds: 5,
      fetch: (_, { signal }) => {
        asked.push(Date.now());
        return new Promise((__, reject) => {
          signal?.addEventListener("abort", () => reject(new Error("aborted")));
        });
      },
    }).run(ending.signal);
    await vi.advanceTimersByTimeAsync(36_000);
    expect(asked).toHaveLength(2);
    ending.abort();
    await run;
  });

  test.each([
    ["no places", { concurrency: 0 }],
    ["half a place", { concurrency: 1.5 }],
    ["a wait of two minutes", { waitSeconds: 120 }],
    ["no key", { key: "" }],
    ["no URL", { api: "localhost" }],
  ])("are refused at once where they cannot be made: %s", (_, options) => {
    expect(() => createPuller({ api: "https://orchestrator.example/api/v1", key: KEY, agent, ...options })).toThrow(TypeError);
  });
});
