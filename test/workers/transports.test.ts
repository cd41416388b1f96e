/** One contract, whatever carries it: the same agents, called inline, by queue and with a callback, behave the same. */
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { describe, expect, test, vi } from "vitest";
import { LIMITS } from "../../src/tasks/limits.ts";
import {
  agentsAnswer,
  api,
  calls,
  clockAhead,
  eventsOf,
  gate,
  registerAgent,
  resultOf,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  type Asked,
} from "./harness.ts";

interface Transport {
  readonly name: string;
  readonly dispatch: "inline" | "relay" | "queue";
  /** Lets the agent answer in the transport's way. */
  readonly answer: (reply: Reply) => (asked: Asked) => Promise<Response>;
}

type Reply = { readonly output: unknown } | { readonly status: number; readonly code: string; readonly retryable?: boolean };

const direct = (reply: Reply): Response =>
  "output" in reply
    ? Response.json(reply)
    : Response.json(
        { code: reply.code, message: "no", ...(reply.retryable !== undefined && { retryable: reply.retryable }) },
        { status: reply.status },
      );

/** Where an agent posts, as a path of the API. */
export const callbackPath = ({ callbackUrl }: Asked, verb: string): string =>
  `${new URL(callbackUrl).pathname.replace("/api/v1", "")}/${verb}`;

const callback =
  (reply: Reply) =>
  async (asked: Asked): Promise<Response> => {
    const body =
      "output" in reply ? { output: reply.output } : { code: reply.code, message: "no", retryable: reply.retryable ?? reply.status >= 500 };
    later.push(() => api("POST", callbackPath(asked, "output" in reply ? "complete" : "fail"), body));
    return new Response(null, { status: 202 });
  };

/** Callbacks that are due: they come from outside, not from within the object's request. */
const later: (() => Promise<unknown>)[] = [];

async function settle(id: string): Promise<Awaited<ReturnType<typeof taskOf>>> {
  return vi.waitUntil(
    async () => {
      for (const call of later.splice(0)) await call();
      const task = await taskOf(id);
      return task.status === "completed" || task.status === "failed" ? task : null;
    },
    { timeout: 10_000, interval: 10 },
  );
}

const transports: readonly Transport[] = [
  { name: "inline", dispatch: "inline", answer: (reply) => async () => direct(reply) },
  { name: "relay", dispatch: "relay", answer: (reply) => async () => direct(reply) },
  { name: "queue", dispatch: "queue", answer: (reply) => async () => direct(reply) },
  { name: "callback after an inline request", dispatch: "inline", answer: callback },
  { name: "callback after a relayed request", dispatch: "relay", answer: callback },
  { name: "callback after a queued request", dispatch: "queue", answer: callback },
];

describe.each(transports)("$name", ({ dispatch, answer }) => {
  const one = (more: object = {}) => ({
    workflow: { steps: [{ id: "a", capability: "agent", input: { x: "${ input.x }" }, ...more }] },
    input: { x: 7 },
  });

  test("completes", async () => {
    await registerAgent("agent", { dispatch });
    agentsAnswer(answer({ output: { y: [1, null, "z"] } }));
    const id = await submit(one());
    expect(await settle(id)).toMatchObject({ status: "completed" });
    expect(await resultOf(id)).toEqual({ a: { y: [1, null, "z"] } });
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatchObject({ attempt: 1, stepId: "a", input: { x: 7 }, key: `${id}/a/1` });
  });

  test("fails for good", async () => {
    await registerAgent("agent", { dispatch });
    agentsAnswer(answer({ status: 422, code: "bad_pdf" }));
    expect(await settle(await submit(one()))).toMatchObject({ status: "failed", error: { code: "bad_pdf" } });
    expect(calls).toHaveLength(1);
  });

  test("is tried again, with the same key, and then completes", async () => {
    await registerAgent("agent", { dispatch });
    agentsAnswer((asked) => (asked.attempt < 3 ? answer({ status: 503, code: "busy" })(asked) : answer({ output: "ok" })(asked)));
    const id = await submit(one({ retry: { delay: "1ms" } }));
    expect(await settle(id)).toMatchObject({ status: "completed", steps: [{ attempts: 3 }] });
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  });

  test("its code may say that trying again is useless, whatever the status", async () => {
    await registerAgent("agent", { dispatch });
    agentsAnswer(answer({ status: 503, code: "closed", retryable: false }));
    expect(await settle(await submit(one()))).toMatchObject({ status: "failed", error: { code: "closed" } });
    expect(calls).toHaveLength(1);
  });

  test("a large output arrives whole", async () => {
    await registerAgent("agent", { dispatch });
    const text = "large ".repeat(400_000);
    agentsAnswer(answer({ output: text }));
    const id = await submit(one());
    await settle(id);
    expect(await resultOf(id)).toEqual({ a: text });
  });
});

test("an input as large as a value may be reaches a queued call whole, whatever its script", async () => {
  await registerAgent("agent", { dispatch: "queue" });
  const input = `${"large ".repeat(2_500_000)}’`;
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "agent", input: "${ input }" }] }, input });
  expect(await settle(id)).toMatchObject({ status: "completed" });
  expect(calls[0]?.input === input).toBe(true);
});

test("an input made of values that together are larger than one may be fails a queued step at once, and says so", async () => {
  await registerAgent("agent", { dispatch: "queue" });
  const steps = [{ id: "a", capability: "agent", input: ["${ input }", "${ input }"] }];
  const task = await untilEnded(await submit({ workflow: { steps }, input: "x".repeat(9_000_000) }));
  expect(task).toMatchObject({ status: "failed", error: { code: "expression_error", message: expect.stringContaining("at most") } });
  expect(calls).toHaveLength(0);
});

describe.each(["inline", "relay", "queue"] as const)("direct replies, %s", (dispatch) => {
  const failing = async (response: () => Response | Promise<Response>, more: object = {}) => {
    await registerAgent("agent", { dispatch });
    agentsAnswer(response);
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "agent", retry: { max_attempts: 1 }, ...more }] } });
    return (await untilEnded(id)).error?.code;
  };

  test("what is not JSON is invalid", async () => expect(await failing(() => new Response("<html>"))).toBe("reply_invalid"));
  test("what has no output is invalid", async () => expect(await failing(() => Response.json({ result: 1 }))).toBe("reply_invalid"));
  test.each([
    ["204", () => new Response(null, { status: 204 })],
    ["205", () => new Response(null, { status: 205 })],
    ["an empty 200", () => new Response("")],
    ["a page", () => new Response("<html>ok</html>", { headers: { "content-type": "text/html" } })],
    ["another JSON", () => Response.json({ result: 1 })],
  ])("who answered %s is not asked again", async (_, response) => {
    expect(await failing(response, { retry: { delay: "1ms" } })).toBe("reply_invalid");
    expect(calls).toHaveLength(1);
  });
  test("who began with JSON and broke off is", async () => {
    const cut = (): Response => new Response('{"output": [1', { headers: { "content-type": "application/json" } });
    expect(await failing(cut, { retry: { delay: "1ms" } })).toBe("reply_invalid");
    expect(calls).toHaveLength(3);
  });
  test("what parses is taken, whatever its type", async () =>
    expect(await failing(() => new Response('{"output":1}', { headers: { "content-type": "text/plain" } }))).toBeUndefined());
  test("a usage that cannot be read is a warning on the step", async () => {
    await registerAgent("agent", { dispatch });
    agentsAnswer(() => Response.json({ output: 1, usage: { input_tokens: 1.5, output_tokens: 2 } }));
    const task = await settle(await submit({ workflow: { steps: [{ id: "a", capability: "agent" }] } }));
    expect(task).toMatchObject({ status: "completed", steps: [{ attempts: 1, warnings: [expect.stringContaining("input_tokens")] }] });
  });
  test("what nests deeper than a request may is invalid", async () =>
    expect(await failing(() => new Response(`{"output":${"[".repeat(5_000)}${"]".repeat(5_000)}}`))).toBe("reply_invalid"));
  test("an empty body is invalid", async () => expect(await failing(() => new Response(""))).toBe("reply_invalid"));
  test("a redirect is refused", async () =>
    expect(await failing(() => new Response(null, { status: 307, headers: { location: "https://10.0.0.1/" } }))).toBe("redirect_refused"));
  test("an agent that cannot be reached", async () =>
    expect(await failing(() => Promise.reject(new Error("Network connection lost.")))).toBe("agent_unreachable"));
  test("an agent that does not answer in time", async () =>
    expect(
      await failing(
        async () => {
          await scheduler.wait(5_000);
          return new Response();
        },
        { timeout: "50ms" },
      ),
    ).toBe("timeout"));
  test("trouble of the platform spends no attempt", async () => {
    let calls = 0;
    expect(
      await failing(() => (++calls === 1 ? Promise.reject(new Error("The script's code was updated.")) : Response.json({ output: 1 }))),
    ).toBeUndefined();
  });
});

/** Takes eight calls in a period, and tells the others when to come back; `early`: calls that came before that all the same. */
function rateLimited(periodMs: number) {
  const seen = { until: 0, taken: 0, early: 0, told: 0 };
  agentsAnswer(() => {
    const now = Date.now();
    if (now >= seen.until) Object.assign(seen, { until: now + periodMs, taken: 0, told: 0 });
    if (seen.taken++ < 8) return Response.json({ output: 1 });
    seen.told ||= now;
    if (now > seen.told + 100) seen.early++;
    return new Response("", { status: 429, headers: { "retry-after": `${(seen.until - now + 20) / 1_000}` } });
  });
  return seen;
}

describe("a canceled attempt", () => {
  const steps = (capability: string) => Array.from({ length: 12 }, (_, index) => ({ id: `s${index}`, capability }));

  test("is told to its agent until that has heard, a few at a time", async () => {
    await registerAgent("told", { dispatch: "inline", cancel_url: "https://told.example/cancel" });
    let [atOnce, most, refused] = [0, 0, 0];
    agentsAnswer(async ({ url }) => {
      if (url.pathname !== "/cancel") return new Response(null, { status: 202 });
      most = Math.max(most, ++atOnce);
      await scheduler.wait(5);
      atOnce--;
      return new Response(null, { status: refused++ < 3 ? 503 : 204 });
    });
    const id = await submit({ workflow: { steps: steps("told") } });
    await vi.waitUntil(async () => (await eventsOf(id)).filter(({ type }) => type === "attempt.claimed").length === 12, { timeout: 5_000 });
    await api("POST", `/tasks/${id}/cancel`);
    const told = () => calls.filter(({ url }) => url.pathname === "/cancel");
    await vi.waitUntil(() => told().length === 15, { timeout: 5_000 });
    expect(new Set(told().map(({ stepId }) => stepId)).size).toBe(12);
    expect(most).toBeLessThanOrEqual(LIMITS.cancelsAtOnce);
  });
});

describe("an agent that asks for patience", () => {
  test.each([
    ["free", {}, 2],
    ["narrow", { limits: { max_concurrency: 4 } }, 2],
    // All of them leave at once, and so do all that were told to come back.
    ["relayed", { dispatch: "relay" }, 4],
  ])("loses no item of a map that may call once for each: %s", async (capability, more, rounds) => {
    await registerAgent(capability, { dispatch: "inline", ...more });
    const item = { id: "work", capability, retry: { max_attempts: 1 } };
    const steps = [{ id: "each", type: "map", over: "input", concurrency: 24, steps: [item] }];
    const map = () => submit({ workflow: { steps }, input: Array.from({ length: 24 }, (_, index) => index) });
    // Whoever makes the calls is there by then: they leave at once.
    await untilEnded(await map());
    calls.length = 0;
    const seen = rateLimited(600);
    const id = await map();
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(seen.early).toBe(0);
    // Of those that were in line when the first was told, none has left.
    expect(calls.length).toBeLessThan(24 + rounds * 8);
    expect(Math.max(...calls.map(({ attempt }) => attempt))).toBeGreaterThan(1);
  });
});

describe("callbacks", () => {
  async function accepted(more: object = {}): Promise<{ readonly id: string; readonly asked: Asked }> {
    await registerAgent("later", { dispatch: "inline" });
    agentsAnswer(() => new Response(null, { status: 202 }));
    const id = await submit({
      workflow: { steps: [{ id: "a", capability: "later", timeout: "1m", retry: { max_attempts: 2, delay: "1ms" }, ...more }] },
    });
    await vi.waitUntil(async () => (await eventsOf(id)).some(({ type }) => type === "attempt.claimed"));
    return { id, asked: calls.at(-1) as Asked };
  }

  test("the same reply again gets the same answer, any other is told that the attempt is over", async () => {
    const { asked } = await accepted();
    const first = await api("POST", callbackPath(asked, "complete"), { output: { b: 1, a: 2 } });
    expect(first).toMatchObject({ status: 200, body: { lease_until: null } });
    const again = await api("POST", callbackPath(asked, "complete"), { output: { a: 2, b: 1 } });
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect(await api("POST", callbackPath(asked, "complete"), { output: 3 })).toMatchObject({
      status: 409,
      body: { code: "attempt_superseded" },
    });
    expect(await api("POST", callbackPath(asked, "fail"), { code: "x", message: "y" })).toMatchObject({
      status: 409,
      body: { code: "attempt_superseded" },
    });
    expect(await api("POST", callbackPath(asked, "heartbeat"), {})).toMatchObject({ status: 409 });
  });

  test("a failure that led to a retry may be repeated too, and the attempt that follows is another's", async () => {
    const { id, asked } = await accepted();
    const failure = { code: "busy", message: "later" };
    expect((await api("POST", callbackPath(asked, "fail"), failure)).status).toBe(200);
    await vi.waitUntil(() => calls.length === 2);
    expect((await api("POST", callbackPath(asked, "fail"), failure)).status).toBe(200);
    expect(await api("POST", callbackPath(asked, "complete"), { output: 1 })).toMatchObject({ status: 409 });
    expect((await api("POST", callbackPath(calls[1] as Asked, "complete"), { output: 2 })).status).toBe(200);
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ a: 2 });
  });

  test("a heartbeat extends the lease and reports progress", async () => {
    const { id, asked } = await accepted();
    const { body } = await api<{ lease_until: string }>("POST", callbackPath(asked, "heartbeat"), { extend: "1h", progress: { pages: 3 } });
    expect(Date.parse(body.lease_until)).toBeGreaterThan(Date.now() + 59 * 60_000);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: "attempt.progressed", data: { progress: { pages: 3 } } });
  });

  test("silence past the lease is a timeout and spends the attempt", async () => {
    const { id } = await accepted();
    clockAhead(61_000);
    await vi.waitUntil(async () => {
      await untilNextAlarm(id);
      return calls.length === 2;
    });
    expect((await eventsOf(id)).filter(({ type }) => type === "attempt.failed")).toMatchObject([{ data: { error: { code: "timeout" } } }]);
  });

  test("after cancellation the agent learns it", async () => {
    const { id, asked } = await accepted();
    await api("POST", `/tasks/${id}/cancel`);
    expect(await api("POST", callbackPath(asked, "complete"), { output: 1 })).toMatchObject({
      status: 409,
      body: { code: "attempt_canceled" },
    });
    expect(await api("POST", callbackPath(asked, "heartbeat"))).toMatchObject({ status: 409, body: { code: "attempt_canceled" } });
  });

  test("a token that is not ours, or was altered, is a 404; a bad body a 400", async () => {
    const { asked } = await accepted();
    const path = callbackPath(asked, "complete");
    expect((await api("POST", path.replace("later", "other").replace("~a~1~", "~a~2~"), { output: 1 })).status).toBe(404);
    expect((await api("POST", "/callbacks/nonsense/complete", { output: 1 })).status).toBe(404);
    expect((await api("POST", path, { result: 1 })).status).toBe(400);
    expect((await api("POST", path, { output: 1, extra: 1 })).status).toBe(400);
    expect((await api("POST", path, { output: 1 })).status).toBe(200);
  });

  test("an agent may call back before its 202 has been read", async () => {
    await registerAgent("eager", { dispatch: "inline" });
    const hold = gate();
    agentsAnswer(async () => {
      await hold.passed();
      return new Response(null, { status: 202 });
    });
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "eager" }] } });
    await vi.waitUntil(() => calls.length === 1);
    expect((await api("POST", callbackPath(calls[0] as Asked, "complete"), { output: "early" })).status).toBe(200);
    hold.open();
    await untilEnded(id);
    expect(await resultOf(id)).toEqual({ a: "early" });
  });
});

async function untilNextAlarm(id: string): Promise<void> {
  const { runDurableObjectAlarm } = await import("cloudflare:test");
  const { stubOf } = await import("./harness.ts");
  await runDurableObjectAlarm(stubOf(id)).catch(() => false);
}

test("an attempt whose consumer is heard of no more is sent again, as the same one", async () => {
  await registerAgent("mortal", { dispatch: "queue" });
  const held = gate();
  agentsAnswer(async () => {
    if (calls.length === 1) await held.passed();
    return Response.json({ output: calls.length });
  });
  const id = await submit({ workflow: { steps: [{ id: "a", capability: "mortal" }] } });
  await vi.waitUntil(() => calls.length === 1, { timeout: 5_000 });
  await evictDurableObject(stubOf(id));
  clockAhead(LIMITS.unclaimedMs);
  await runDurableObjectAlarm(stubOf(id));
  expect((await eventsOf(id)).some(({ type }) => type === "attempt.lost")).toBe(false);
  clockAhead(LIMITS.consumerLookMs);
  await runDurableObjectAlarm(stubOf(id));
  await vi.waitUntil(() => calls.length === 2, { timeout: 5_000 });
  expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  expect(calls.map(({ attempt, key }) => [attempt, key])).toEqual([calls[0], calls[0]].map((one) => [one?.attempt, one?.key]));
  held.open();
});
