import { beforeEach, describe, expect, test } from "vitest";
import { AgentError, defineAgent, type AttemptContext } from "../../../src/kit/agent.ts";
import { ask, bodyOf, cancellation, gate, request } from "./orchestrator.ts";

const offering = { id: "agent", capabilities: ["work"] } as const;

describe("an attempt", () => {
  test("that ends soon is answered with its output, and with what it used added up", async () => {
    const agent = defineAgent({
      ...offering,
      execute: ({ n }: { n: number }, { usage }) => {
        usage({ input_tokens: 10, cost_usd: 0.5 });
        usage({ input_tokens: 5, output_tokens: 7 });
        return { doubled: n * 2 };
      },
    });
    expect(await ask(agent, { input: { n: 21 } })).toMatchObject({
      status: 200,
      body: { output: { doubled: 42 }, usage: { input_tokens: 15, output_tokens: 7, cost_usd: 0.5 } },
    });
  });

  test("is told everything about itself", async () => {
    let seen: AttemptContext | undefined;
    const agent = defineAgent({ ...offering, execute: (_, context) => void (seen = context) });
    const deadline = "2030-01-02T03:04:05.000Z";
    expect((await ask(agent, { attempt: 2, key: "the-key", deadline })).body).toEqual({ output: null });
    expect(seen).toMatchObject({
      taskId: "task_1",
      stepId: "step",
      attempt: 2,
      capability: "work",
      idempotencyKey: "the-key",
      traceparent: "00-1-2-01",
      workflow: { name: "study", version: 3 },
      deadline: new Date(deadline),
    });
    expect(seen?.signal.aborted).toBe(false);
  });

  test("goes to the function of its capability, and to the first where it names none", async () => {
    const agent = defineAgent({
      id: "agent",
      capabilities: [{ name: "add", tags: ["sums"] }, "join"],
      execute: { add: ([a, b]: [number, number]) => a + b, join: (parts: string[]) => parts.join("+") },
    });
    expect((await ask(agent, { capability: "add", input: [1, 2], step: "a" })).body).toEqual({ output: 3 });
    expect((await ask(agent, { capability: "join", input: ["1", "2"], step: "b" })).body).toEqual({ output: "1+2" });
    expect((await ask(agent, { capability: null, input: [3, 4], step: "c" })).body).toEqual({ output: 7 });
  });

  test("at what the agent does not offer is refused for good", async () => {
    const agent = defineAgent({ ...offering, execute: () => 1 });
    const answer = await ask(agent, { capability: "toString" });
    expect(answer).toMatchObject({ status: 422, body: { code: "unknown_capability", retryable: false } });
    expect(answer.body["detail"]).toContain("it offers work");
  });
});

describe("a failure is answered as a problem", () => {
  const failing = (error: Error) =>
    defineAgent({
      ...offering,
      execute: () => {
        throw error;
      },
    });

  test.each([
    [{ code: "quota", message: "Try later", retryAfterMs: 1_500 }, 500, "2"],
    [{ code: "quota", message: "Try later", retryAfterMs: 60_000, status: 429 }, 429, "60"],
    [{ code: "bad_input", message: "No text", retryable: false }, 422, null],
    [{ code: "gone", message: "No more", retryable: false, status: 410 }, 410, null],
  ])("that says what the agent said: %o", async (fields, status, retryAfter) => {
    const answer = await ask(failing(new AgentError(fields)));
    expect(answer).toMatchObject({
      status,
      body: { status, code: fields.code, detail: fields.message, retryable: !("retryable" in fields) },
    });
    expect(answer.headers.get("retry-after")).toBe(retryAfter);
  });

  test("that may be tried again, when the agent threw by surprise; and the agent's owner hears of it", async () => {
    const troubles: unknown[] = [];
    const surprise = new TypeError("x is not a function");
    const agent = defineAgent({
      ...offering,
      execute: () => {
        throw surprise;
      },
      onTrouble: (trouble) => {
        troubles.push(trouble);
        throw new Error("must harm nobody");
      },
    });
    expect(await ask(agent)).toMatchObject({
      status: 500,
      body: { code: "agent_failed", detail: "x is not a function", retryable: true },
    });
    expect(troubles).toMatchObject([{ taskId: "task_1", stepId: "step", attempt: 1, cause: surprise }]);
  });

  test("even when what was thrown is nothing that can be told", async () => {
    for (const thrown of [undefined, null, Object.create(null), new Error("")]) {
      const answer = await ask(failing(thrown as Error));
      expect(answer).toMatchObject({ status: 500, body: { code: "agent_failed", retryable: true } });
      expect(answer.body["detail"]).not.toBe("");
    }
  });

  test.each([
    ["a circle", () => ((circle) => Object.assign(circle, { circle }))({}), "output_invalid"],
    ["a function", () => () => 1, "output_invalid"],
    ["a bigint", () => 1n, "output_invalid"],
    ["more than the orchestrator reads", () => "ü".repeat(9 * 1024 * 1024), "output_too_large"],
  ])("for good, when the output is no output: %s", async (_, output, code) => {
    expect(await ask(defineAgent({ ...offering, execute: output }))).toMatchObject({ status: 422, body: { code, retryable: false } });
  });

  test("when it used what cannot be", async () => {
    for (const used of [{ input_tokens: 1.5 }, { output_tokens: -1 }, { cost_usd: Number.NaN }]) {
      const agent = defineAgent({ ...offering, execute: (_, { usage }) => usage(used) });
      expect((await ask(agent)).body["detail"]).toContain(Object.keys(used)[0]);
    }
  });

  test("that fits what the orchestrator accepts, however long the message", async () => {
    const { body } = await ask(failing(new AgentError({ code: "c".repeat(500), message: "m".repeat(5_000) })));
    expect(body["code"]).toHaveLength(128);
    expect(body["detail"]).toHaveLength(1_000);
  });

  test("an error that could not be answered is refused where it is made", () => {
    expect(() => new AgentError({ code: "x", message: "x", status: 200 })).toThrow(RangeError);
    expect(() => new AgentError({ code: "", message: "x" })).toThrow(RangeError);
    expect(() => new AgentError({ code: "x", message: "x", retryAfterMs: -1 })).toThrow(RangeError);
  });
});

describe("a request that is none", () => {
  let executed = 0;
  const agent = defineAgent({ ...offering, execute: () => ++executed });
  const post = (body: BodyInit) => new Request("https://agent.example/", { method: "POST", body });
  const context = bodyOf()["context"] as object;

  test.each([
    ["not JSON", "{", "JSON"],
    ["no object", "[]", "task_id"],
    ["no task", { task_id: "" }, "/task_id"],
    ["no step", { step_id: 7 }, "/step_id"],
    ["attempt 0", { attempt: 0 }, "/attempt"],
    ["a capability that is no name", { capability: {} }, "/capability"],
    ["no input", { input: undefined }, "/input"],
    ["no context", { context: null }, "/context"],
    ["no way to call back", { context: {} }, "/context/callback_url"],
    ["another way to call back", { context: { ...context, callback_url: "file:///etc/passwd" } }, "/context/callback_url"],
    ["a deadline that is no time", { context: { ...context, deadline: "soon" } }, "/context/deadline"],
    ["a workflow that is none", { context: { ...context, workflow: { name: 7 } } }, "/context/workflow"],
  ])("is refused with what was expected: %s", async (_, change, expected) => {
    const body = typeof change === "string" ? change : JSON.stringify({ ...bodyOf(), ...change });
    const answer = await ask(agent, post(body));
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", retryable: false } });
    expect(answer.body["detail"]).toContain(expected);
    expect(executed).toBe(0);
  });

  test("is refused when it is larger than any input, without being read to its end", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1_048_576;
        controller.enqueue(new Uint8Array(1_048_576));
      },
    });
    const streamed = new Request("https://agent.example/", { method: "POST", body: endless, duplex: "half" } as RequestInit);
    expect(await ask(agent, streamed)).toMatchObject({ status: 413, body: { code: "body_too_large" } });
    expect(sent).toBeLessThan(20 * 1_048_576);
    const declared = post("{}");
    declared.headers.set("content-length", String(17 * 1_048_576));
    expect(await ask(agent, declared)).toMatchObject({ status: 413 });
  });

  test("an input of the full 16 MiB is taken", async () => {
    const input = "x".repeat(16 * 1_048_576 - 2);
    expect(await ask(defineAgent({ ...offering, execute: (text: string) => text.length }), { input })).toMatchObject({
      status: 200,
      body: { output: input.length },
    });
  });

  test("fields that are not known yet are passed over", async () => {
    expect(await ask(agent, post(JSON.stringify({ ...bodyOf(), hints: {} })))).toMatchObject({ status: 200 });
  });

  test("of another method is refused", async () => {
    expect(await ask(agent, new Request("https://agent.example/", { method: "DELETE" }))).toMatchObject({ status: 405 });
    expect(await ask(agent, new Request("https://agent.example/"))).toMatchObject({ status: 404 });
  });
});

describe("an agent says", () => {
  const agent = defineAgent({
    id: "researcher",
    name: "Researcher",
    description: "Finds things",
    version: "2.1.0",
    capabilities: ["find", { name: "rank", description: "Ranks them", tags: ["order"], price: { per_call_usd: 0.01 } }],
    execute: () => null,
  });

  test("what it is, as an A2A agent card", async () => {
    expect((await ask(agent, new Request("https://agent.example/team/.well-known/agent-card.json"))).body).toEqual({
      name: "Researcher",
      description: "Finds things",
      version: "2.1.0",
      supportedInterfaces: [{ url: "https://agent.example/team/", protocolBinding: "urn:orchestrator:agent", protocolVersion: "1.0" }],
      capabilities: { streaming: false, pushNotifications: false, extendedAgentCard: false },
      defaultInputModes: ["application/json"],
      defaultOutputModes: ["application/json"],
      skills: [
        { id: "find", name: "find", description: "find", tags: [] },
        { id: "rank", name: "rank", description: "Ranks them", tags: ["order"] },
      ],
    });
  });

  test("that it is well", async () => {
    expect(await ask(agent, new Request("https://agent.example/health"))).toMatchObject({ status: 200, body: { status: "ok" } });
  });

  test("how it registers", () => {
    expect(agent.registration).toEqual({
      name: "Researcher",
      description: "Finds things",
      capabilities: [{ name: "find" }, { name: "rank", description: "Ranks them", tags: ["order"], price: { per_call_usd: 0.01 } }],
    });
  });

  test.each([
    ["an id with a space", { id: "my agent" }],
    ["nothing to offer", { capabilities: [] }],
    ["the same capability twice", { capabilities: ["work", { name: "work" }] }],
    ["a capability that is no name", { capabilities: ["my work"] }],
    ["a capability without a function", { capabilities: ["work", "play"], execute: { work: String } }],
    ["a function without a capability", { execute: { work: String, play: String } }],
    ["a time that is none", { replyWithinMs: Number.NaN }],
    ["a time beyond any timer", { executeWithinMs: 2 ** 31 }],
  ])("at once when its definition is not consistent: %s", (_, definition) => {
    expect(() => defineAgent({ ...offering, execute: String, ...definition })).toThrow(TypeError);
  });
});

describe("on a platform that ends requests, everything that is left to do is announced", () => {
  const announced: Promise<unknown>[] = [];
  const told: string[] = [];
  let work = gate();
  let agent = defineAgent({ ...offering, execute: () => null });

  beforeEach(() => {
    announced.length = 0;
    told.length = 0;
    work = gate();
    agent = defineAgent({
      ...offering,
      replyWithinMs: 0,
      execute: () => work.promise,
      fetch: async (url) => {
        told.push(url);
        return Response.json({ lease_until: null });
      },
    });
  });

  const send = (sent: Request): Promise<Response> => agent.fetch(sent, {}, { waitUntil: (promise) => void announced.push(promise) });

  test("the report to come", async () => {
    expect((await send(request())).status).toBe(202);
    work.open("done");
    await Promise.all(announced);
    expect(told.at(-1)).toMatch(/\/complete$/);
  });

  test("the work itself, which others may have joined, and which may have something to put in order when it is canceled", async () => {
    await send(request());
    await send(cancellation());
    let hasEnded = false;
    const all = Promise.all(announced).then(() => (hasEnded = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasEnded).toBe(false);
    work.open(null);
    await all;
    expect(told).toEqual([]);
  });
});
