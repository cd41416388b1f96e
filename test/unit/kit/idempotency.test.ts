import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AgentError, defineAgent, type AttemptContext } from "../../../src/kit/agent.ts";
import type { Fetch } from "../../../src/kit/callback.ts";
import { ask, cancellation, gate, Orchestrator, problem, type Gate } from "./orchestrator.ts";
import { until } from "./until.ts";

const offering = { id: "agent", capabilities: ["work"] } as const;
const executions: { readonly context: AttemptContext; readonly work: Gate<unknown> }[] = [];
let callBack: Fetch;

beforeEach(() => {
  executions.length = 0;
  callBack = new Orchestrator().fetch;
});

afterEach(() => {
  vi.useRealTimers();
});

function workshop(more: { replyWithinMs?: number; remember?: { results?: number; bytes?: number } } = {}) {
  return defineAgent({
    ...offering,
    ...more,
    execute: (_, context) => {
      const work = gate();
      executions.push({ context, work });
      return work.promise;
    },
    fetch: (url, init) => callBack(url, init),
  });
}

const nth = (index: number): (typeof executions)[number] => executions[index] as (typeof executions)[number];
const begun = (count: number): Promise<unknown> => until(() => executions.length === count);

describe("under one idempotency key", () => {
  test("work that runs is joined: one execution, the same answer to everybody", async () => {
    const agent = workshop();
    const answers = [ask(agent), ask(agent), ask(agent, { attempt: 2 })];
    await begun(1);
    nth(0).work.open("once");
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 200, body: { output: "once" } });
    expect(executions).toHaveLength(1);
  });

  test("work that is done is answered again, with what it used", async () => {
    const agent = workshop();
    const first = ask(agent);
    await begun(1);
    nth(0).context.usage({ input_tokens: 3 });
    nth(0).work.open("once");
    const { body } = await first;
    expect((await ask(agent, { attempt: 2 })).body).toEqual(body);
    expect(body).toEqual({ output: "once", usage: { input_tokens: 3 } });
    expect(executions).toHaveLength(1);
  });

  test("a failure is forgotten: the next attempt executes again", async () => {
    const agent = workshop();
    const first = ask(agent);
    await begun(1);
    nth(0).work.open(Promise.reject(new AgentError({ code: "busy", message: "Busy" })));
    expect(await first).toMatchObject({ status: 500 });
    const second = ask(agent, { attempt: 2 });
    await begun(2);
    nth(1).work.open("now");
    expect(await second).toMatchObject({ status: 200, body: { output: "now" } });
  });

  test("other keys and other capabilities are other work", async () => {
    const agent = defineAgent({
      id: "agent",
      capabilities: ["work", "play"],
      execute: (_, { capability }) => `${capability} ${executions.length}`,
    });
    expect((await ask(agent, { key: "a" })).body).toEqual({ output: "work 0" });
    expect((await ask(agent, { key: "a", capability: "play" })).body).toEqual({ output: "play 0" });
  });

  test("an attempt that is superseded leaves the work to the one that came after it", async () => {
    vi.useFakeTimers();
    const agent = workshop({ replyWithinMs: 0 });
    const url = (attempt: number): string => `https://orchestrator.example/api/v1/callbacks/token/${attempt}`;
    const told: string[] = [];
    callBack = async (address, init) => {
      told.push(`${address.slice(url(0).length - 1)} ${init.body as string}`);
      return address.startsWith(url(1)) ? problem(409, "attempt_superseded") : Response.json({ lease_until: null });
    };
    const answers = [ask(agent, { attempt: 1, callbackUrl: url(1) }), ask(agent, { attempt: 2, callbackUrl: url(2) })];
    await vi.advanceTimersByTimeAsync(0);
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ status: 202 });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(nth(0).context.signal.aborted).toBe(false);
    nth(0).context.progress("half");
    await vi.advanceTimersByTimeAsync(1_000);
    nth(0).work.open("once");
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(["1/heartbeat {}", "2/heartbeat {}", '2/heartbeat {"progress":"half"}', '2/complete {"output":"once"}']);
  });

  test("an attempt that comes right after the work was canceled starts anew", async () => {
    const agent = workshop();
    const first = ask(agent);
    await begun(1);
    const [, second] = [ask(agent, cancellation()), ask(agent, { attempt: 2 })];
    expect(await first).toMatchObject({ status: 409 });
    await begun(2);
    nth(1).work.open("anew");
    expect(await second).toMatchObject({ status: 200, body: { output: "anew" } });
    nth(0).work.open("too late");
    expect((await ask(agent, { attempt: 3 })).body).toEqual({ output: "anew" });
  });

  test("work that the platform ended without a word is not waited for", async () => {
    vi.useFakeTimers();
    const agent = workshop({ replyWithinMs: 1_000 });
    // As when a Worker's request is ended: its timers never fire again.
    const setInterval = vi
      .spyOn(globalThis, "setInterval")
      .mockImplementation(() => 0 as unknown as ReturnType<typeof globalThis.setInterval>);
    const first = ask(agent);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await first).toMatchObject({ status: 202 });
    setInterval.mockRestore();
    await vi.advanceTimersByTimeAsync(40_000);
    const second = ask(agent, { attempt: 2 });
    await vi.advanceTimersByTimeAsync(0);
    expect(executions).toHaveLength(2);
    nth(1).work.open("anew");
    expect(await second).toMatchObject({ status: 200, body: { output: "anew" } });
  });
});

describe("what is remembered", () => {
  const counting = (remember: { results?: number; bytes?: number }) => {
    let count = 0;
    return defineAgent({ ...offering, remember, execute: (size: number) => `${++count}${"x".repeat(size)}`.slice(0, size + 1) });
  };
  const output = async (agent: ReturnType<typeof counting>, key: string, input = 0): Promise<unknown> =>
    (await ask(agent, { key, input })).body["output"];

  test("is bounded by number, and the least used goes first", async () => {
    const agent = counting({ results: 2 });
    expect([await output(agent, "a"), await output(agent, "b"), await output(agent, "a")]).toEqual(["1", "2", "1"]);
    expect(await output(agent, "c")).toBe("3");
    expect([await output(agent, "a"), await output(agent, "b")]).toEqual(["1", "4"]);
  });

  test("is bounded by bytes, and what is larger than all of it is not kept", async () => {
    const agent = counting({ bytes: 1_000 });
    expect([await output(agent, "a", 300), await output(agent, "b", 300)].map((text) => String(text)[0])).toEqual(["1", "2"]);
    expect([await output(agent, "b", 300), await output(agent, "a", 300)].map((text) => String(text)[0])).toEqual(["2", "3"]);
    expect([await output(agent, "large", 1_000), await output(agent, "large", 1_000)].map((text) => String(text)[0])).toEqual(["4", "5"]);
  });
});
