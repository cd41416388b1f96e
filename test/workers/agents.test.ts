/** Agents with limits, agents that pull, breakers, hedges, ensembles: everything that goes through an agent's own object. */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { Admission, type Slot } from "../../src/agents/object/admission.ts";
import { AgentDirectory } from "../../src/agents/directory.ts";
import { AgentRegistry } from "../../src/agents/registry/registry.ts";
import { AgentObject } from "../../src/agents/object/agent-object.ts";
import { LIMITS } from "../../src/objects/limits.ts";
import { Attempts } from "../../src/tasks/object/attempts.ts";
import {
  agentsAnswer,
  api,
  calls,
  clockAhead,
  eventsOf,
  gate,
  methodOf,
  registerAgent,
  resultOf,
  stubOf,
  submit,
  taskOf,
  untilEnded,
} from "./harness.ts";

const agentStub = (id: string) => env.AGENTS.getByName(`default/${id}`);
const wide = (count: number, capability: string) => ({
  workflow: { steps: Array.from({ length: count }, (_, index) => ({ id: `s${index}`, capability })) },
});

/** A worker of a pulling agent asks for work … */
const claim = (agent: string, query = "", max = 1) =>
  api<{ attempts: { context: { callback_url: string } }[] }>("POST", `/agents/${agent}/claim${query}`, { max });
/** … and says what came of it. */
const reply = (attempt: { context: { callback_url: string } } | undefined, verb: string, body: object) =>
  api("POST", `${new URL(attempt?.context.callback_url ?? "").pathname.replace("/api/v1", "")}/${verb}`, body);

describe("an agent with limits", () => {
  test("is never asked by more at once, and everybody's turn comes", async () => {
    await registerAgent("narrow", { limits: { max_concurrency: 2 } });
    const starts = vi.spyOn(AgentObject.prototype, "start");
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
    expect(starts, "who has no rate pays no request for it").not.toHaveBeenCalled();
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

describe("an agent with a rate", () => {
  const rate = { count: 1, per: "1s" };
  /** As the agent measures it; a call may be a moment longer on its way than the next. */
  const expectKept = (arrivals: readonly number[]) => {
    const gaps = arrivals.slice(1).map((at, index) => at - (arrivals[index] as number));
    expect(Math.min(...gaps), `gaps of ${gaps.join(", ")} ms`).toBeGreaterThanOrEqual(900);
  };

  test.each(["inline", "queue"])(
    "is not called more often when calls by %s, let in one by one, are held up and go on together",
    async (dispatch) => {
      await registerAgent("hog", { dispatch });
      await registerAgent("rated", { dispatch, limits: { rate } });
      const [held, arrivals] = [gate(), [] as number[]];
      agentsAnswer(async ({ url }) => {
        if (url.host === "hog.example") await held.passed();
        else arrivals.push(Date.now());
        return Response.json({ output: 1 });
      });
      // As many as are awaited at once, by one object or by one delivery of the queue.
      const hogs = Array.from({ length: 6 }, (_, index) => ({ id: `h${index}`, capability: "hog" }));
      const rated = Array.from({ length: 3 }, (_, index) => ({ id: `r${index}`, capability: "rated" }));
      const ids = [];
      if (dispatch === "inline") ids.push(await submit({ workflow: { steps: [...hogs, ...rated] } }));
      else
        for (const steps of [hogs, rated]) {
          ids.push(await submit({ workflow: { steps } }));
          await vi.waitUntil(() => calls.length === 6, { timeout: 5_000 });
        }
      const last = ids.at(-1) as string;
      await vi.waitUntil(
        async () => (await taskOf(last)).steps.filter(({ id, status }) => id.startsWith("r") && status === "running").length === 3,
        { timeout: 10_000 },
      );
      expect(arrivals).toEqual([]);
      held.open();
      await untilEnded(last);
      expect(arrivals).toHaveLength(3);
      expectKept(arrivals);
    },
  );

  test("has calls come back whose turn is far, by either way, and none is lost", async () => {
    const ways = ["inline", "queue"] as const;
    for (const dispatch of ways) await registerAgent(`far-${dispatch}`, { dispatch, limits: { rate: { count: 1, per: "6s" } } });
    const arrivals = new Map<string, number[]>(ways.map((way) => [`far-${way}.example`, []]));
    agentsAnswer(({ url }) => {
      arrivals.get(url.host)?.push(Date.now());
      return Response.json({ output: 1 });
    });
    // They are let in as if they had been some time ago.
    const admit = methodOf(Admission.prototype, "admit");
    vi.spyOn(Admission.prototype, "admit").mockImplementation(function (this: Admission, _, ...rest) {
      return admit.call(this, undefined, ...rest);
    });
    const ids = await Promise.all(ways.map((way) => submit(wide(2, `far-${way}`))));
    for (const id of ids) expect((await untilEnded(id)).status).toBe("completed");
    for (const [, [first = 0, second = 0, ...more]] of arrivals) {
      expect(second - first).toBeGreaterThanOrEqual(5_950);
      expect(more).toEqual([]);
    }
  });

  test("hands out pulled work no more often, although some of it is long on its way", async () => {
    await api("PUT", "/agents/steady", { kind: "pull", capabilities: ["steady"], limits: { rate } });
    await submit(wide(2, "steady"));
    const handOver = methodOf(Attempts.prototype, "handOver");
    vi.spyOn(Attempts.prototype, "handOver").mockImplementationOnce(async function (this: Attempts, at, input) {
      await scheduler.wait(900);
      return handOver.call(this, at, input);
    });
    const arrivals: number[] = [];
    const work = async (): Promise<void> => {
      const { body } = await claim("steady", "?wait=5s");
      expect(body.attempts).toHaveLength(1);
      arrivals.push(Date.now());
    };
    await Promise.all([work(), work()]);
    expectKept(arrivals);
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

describe("a worker that waits", () => {
  test("is told at once what is refused, and later nothing but work", async () => {
    await registerAgent("called");
    const refused = await claim("called", "?wait=5s");
    expect([refused.status, refused.headers.get("content-type")]).toEqual([409, "application/problem+json"]);
    await api("PUT", "/agents/idle", { kind: "pull", capabilities: ["idle"] });
    const nothing = await claim("idle", "?wait=1s");
    expect([nothing.status, nothing.headers.get("content-type"), nothing.body]).toEqual([200, "application/json", { attempts: [] }]);
    expect(nothing.headers.get("x-request-id")).toMatch(/^req_/);
  });

  const statusOf = async (agent: string) => (await api("GET", `/agents/${agent}`)).body["status"];

  test("and what others should know of that is told again where the process died before D1 had it", async () => {
    const published = () => env.DB.prepare("SELECT at FROM agent_states WHERE id = 'untold'").first<{ at: number }>();
    const publish = vi.spyOn(AgentRegistry.prototype, "publish").mockImplementation(() => new Promise(() => undefined));
    await registerAgent("untold");
    await vi.waitUntil(() => publish.mock.calls.length === 1, { interval: 5 });
    await abortAllDurableObjects();
    publish.mockRestore();
    expect(await published()).toBeNull();
    clockAhead(LIMITS.againMs);
    await runDurableObjectAlarm(agentStub("untold"));
    // A new instance looks once more whether it was heard meanwhile.
    clockAhead(LIMITS.againMs);
    await runDurableObjectAlarm(agentStub("untold"));
    expect(await published()).not.toBeNull();
    expect(await runInDurableObject(agentStub("untold"), (_, { storage }) => storage.getAlarm())).toBeNull();
  });

  test("is a sign that its agent is there, for as long as it waits", async () => {
    await api("PUT", "/agents/lively", { kind: "pull", capabilities: ["lively"], heartbeat_interval: "1s" });
    const claiming = claim("lively", "?wait=20s");
    await vi.waitUntil(async () => (await runInDurableObject(agentStub("lively"), (_, state) => state.getWebSockets().length)) === 1, {
      timeout: 5_000,
    });
    clockAhead(10_000);
    await runDurableObjectAlarm(agentStub("lively"));
    expect(await statusOf("lively")).toBe("healthy");
    await evictDurableObject(agentStub("lively"));
    clockAhead(10_000);
    expect(await statusOf("lively")).toBe("healthy");
    const id = await submit(wide(1, "lively"));
    expect((await claiming).body.attempts).toMatchObject([{ task_id: id }]);
    // Its connection ends a moment after it has its work.
    await vi.waitUntil(async () => {
      clockAhead(10_000);
      await runDurableObjectAlarm(agentStub("lively"));
      return (await statusOf("lively")) === "offline";
    });
  });
});

describe("work that is pulled", () => {
  test("beyond what its agent may have at once keeps a waiting worker waiting, not asking", async () => {
    await api("PUT", "/agents/busy", { kind: "pull", capabilities: ["busy"], limits: { max_concurrency: 1 } });
    const id = await submit(wide(2, "busy"));
    const first = await claim("busy", "?wait=5s");
    const waiting = claim("busy", "?wait=10s");
    await vi.waitUntil(async () => (await taskOf(id)).steps.some(({ waiting_on }) => waiting_on?.position === 1), { timeout: 5_000 });
    await scheduler.wait(300);
    const rows = await runInDurableObject(agentStub("busy"), (_, state) => state.getWebSockets().length);
    expect(rows).toBeLessThanOrEqual(2);
    await reply(first.body.attempts[0], "complete", { output: 1 });
    const second = await waiting;
    expect(second.body.attempts).toHaveLength(1);
    await reply(second.body.attempts[0], "complete", { output: 1 });
    expect((await untilEnded(id)).status).toBe("completed");
    expect((await claim("busy", "?wait=1s")).body.attempts).toEqual([]);
  });

  test("is another worker's when its own had hung up, without an attempt being spent", async () => {
    await api("PUT", "/agents/brief", { kind: "pull", capabilities: ["brief"], limits: { max_concurrency: 1 } });
    const id = await submit({ workflow: { steps: [{ id: "s0", capability: "brief", retry: { max_attempts: 1 } }] } });
    const first = await claim("brief", "?wait=5s");
    await agentStub("brief").undelivered({ tenant: "default", agent: "brief" }, [{ task: id, step: "s0", attempt: 1 }]);
    expect(await reply(first.body.attempts[0], "complete", { output: 1 })).toMatchObject({ status: 409 });
    const second = await claim("brief", "?wait=5s");
    expect(second.body.attempts).toMatchObject([{ task_id: id, attempt: 2 }]);
    await reply(second.body.attempts[0], "complete", { output: 2 });
    expect((await untilEnded(id)).status).toBe("completed");
  });

  test("is begun by a worker and by nobody else", async () => {
    await api("PUT", "/agents/shy", { kind: "pull", capabilities: ["shy"] });
    const id = await submit(wide(1, "shy"));
    await vi.waitUntil(async () => (await taskOf(id)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });
    const at = { step: "s0", attempt: 1 };
    expect(await stubOf(id).verify([at])).toEqual(["wanted"]);
    expect(await stubOf(id).grant([at])).toEqual([false]);
    const { body } = await claim("shy");
    expect(await stubOf(id).verify([at])).toEqual(["held"]);
    await reply(body.attempts[0], "complete", { output: 1 });
    expect((await untilEnded(id)).status).toBe("completed");
    expect(await stubOf(id).verify([at])).toEqual(["gone"]);
  });

  test("is offered again, as a trial, after its agent was left alone", async () => {
    await api("PUT", "/agents/weak", { kind: "pull", capabilities: ["weak"], breaker: { consecutive: 2, cooldown: "1s" } });
    const id = await submit({ workflow: { steps: [{ id: "s0", capability: "weak", retry: { max_attempts: 9, delay: "1ms" } }] } });
    for (let failures = 0; failures < 2; failures++) {
      const { body } = await claim("weak", "?wait=5s");
      await reply(body.attempts[0], "fail", { code: "internal", message: "it broke" });
    }
    await vi.waitUntil(async () => (await api("GET", "/agents/weak")).body["status"] === "unhealthy", { timeout: 5_000 });
    const trial = await vi.waitUntil(
      async () => {
        await runDurableObjectAlarm(stubOf(id)).catch(() => false);
        return (await claim("weak")).body.attempts[0];
      },
      { timeout: 15_000, interval: 200 },
    );
    await reply(trial, "complete", { output: 1 });
    expect((await untilEnded(id)).status).toBe("completed");
    expect((await api("GET", "/agents/weak")).body["breaker_state"]).toEqual({ status: "closed" });
  });

  describe("and is long on its way to its worker", () => {
    test("keeps its slot, however long", async () => {
      await api("PUT", "/agents/tight", { kind: "pull", capabilities: ["tight"], limits: { max_concurrency: 1 } });
      const id = await submit(wide(2, "tight"));
      await vi.waitUntil(async () => (await taskOf(id)).steps.every(({ waiting_on }) => waiting_on?.position !== undefined), {
        timeout: 5_000,
      });
      // The task cannot hand it over before it knows the agent, and somebody keeps it from that.
      const known = gate();
      const load = methodOf(AgentDirectory.prototype, "load");
      let asked = 0;
      vi.spyOn(AgentDirectory.prototype, "known").mockReturnValue(null);
      vi.spyOn(AgentDirectory.prototype, "load").mockImplementation(async function (this: AgentDirectory, tenant, now) {
        if (++asked === 2) await known.passed();
        return load.call(this, tenant, now);
      });
      const first = claim("tight");
      await vi.waitUntil(() => asked === 2, { timeout: 5_000 });
      clockAhead(LIMITS.slotVerifyMs + 1_000);
      await runDurableObjectAlarm(agentStub("tight"));
      await scheduler.wait(200);
      known.open();
      expect((await first).body.attempts).toHaveLength(1);
      expect((await claim("tight", "", 5)).body.attempts).toEqual([]);
    });

    test("is next again if its task was paused, and goes on before that is heard", async () => {
      await api("PUT", "/agents/fickle", { kind: "pull", capabilities: ["fickle"] });
      const id = await submit(wide(1, "fickle"));
      await vi.waitUntil(async () => (await taskOf(id)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });
      await api("POST", `/tasks/${id}/pause`);
      const [told, handOver] = [gate(), methodOf(Attempts.prototype, "handOver")];
      let isPaused = false;
      vi.spyOn(Attempts.prototype, "handOver").mockImplementationOnce(async function (this: Attempts, at, input) {
        const call = await handOver.call(this, at, input);
        isPaused = call === null;
        await told.passed();
        return call;
      });
      const claiming = claim("fickle");
      await vi.waitUntil(() => isPaused, { timeout: 5_000 });
      const asks = vi.spyOn(AgentObject.prototype, "ask");
      await api("POST", `/tasks/${id}/resume`);
      await vi.waitUntil(() => asks.mock.settledResults.length > 0 && asks.mock.settledResults[0]?.type === "fulfilled", {
        timeout: 5_000,
      });
      told.open();
      expect((await claiming).body.attempts).toHaveLength(1);
    });
  });

  describe("and whose agent's object ends meanwhile, as in a deploy,", () => {
    /** Whoever claims, from the `n`-th moment on that `method` has done its work, waits until everything has ended. */
    const endAfter = (n: number) => {
      const hand = methodOf(Attempts.prototype, "hand");
      let handed = 0;
      vi.spyOn(Attempts.prototype, "hand").mockImplementation(async function (this: Attempts, at, isAgain) {
        const call = await hand.call(this, at, isAgain);
        if (++handed === n) await scheduler.wait(10_000);
        return call;
      });
      return async () => {
        await vi.waitUntil(() => handed === n, { timeout: 5_000, interval: 5 });
        await abortAllDurableObjects();
      };
    };

    test.each([1, 2])("is given to the worker that asked, each once, when the answer gets lost after %i", async (n) => {
      const name = `moved-${n}`;
      await api("PUT", `/agents/${name}`, { kind: "pull", capabilities: [name] });
      const id = await submit(wide(3, name));
      await vi.waitUntil(async () => (await taskOf(id)).steps.every(({ waiting_on }) => waiting_on?.position !== undefined), {
        timeout: 5_000,
      });
      const ended = endAfter(n);
      const claiming = claim(name, "", 2);
      await ended();
      const { status, body } = await claiming;
      expect([status, body.attempts.length]).toEqual([200, 2]);
      const claimed = (await eventsOf(id)).filter(({ type }) => type === "attempt.claimed");
      expect(claimed).toHaveLength(2);
      const { attempts } = (await claim(name, "", 5)).body;
      expect(attempts).toHaveLength(1);
      for (const attempt of [...body.attempts, ...attempts]) expect((await reply(attempt, "complete", { output: 1 })).status).toBe(200);
      expect((await untilEnded(id)).status).toBe("completed");
    });

    test("is what the first answer had, when that one alone was lost", async () => {
      await api("PUT", "/agents/lost", { kind: "pull", capabilities: ["lost"] });
      const id = await submit(wide(2, "lost"));
      await vi.waitUntil(async () => (await taskOf(id)).steps.every(({ waiting_on }) => waiting_on?.position !== undefined), {
        timeout: 5_000,
      });
      const answered = methodOf(AgentObject.prototype, "claim");
      vi.spyOn(AgentObject.prototype, "claim").mockImplementationOnce(async function (this: AgentObject<unknown>, name, most, again) {
        await answered.call(this, name, most, again);
        throw new Error("the connection is gone");
      });
      const [attempt, ...others] = (await claim("lost")).body.attempts;
      expect(others).toEqual([]);
      const [next, ...rest] = (await claim("lost", "", 5)).body.attempts;
      expect(rest).toEqual([]);
      for (const one of [attempt, next]) expect((await reply(one, "complete", { output: 1 })).status).toBe(200);
      expect((await untilEnded(id)).status).toBe("completed");
    });

    test("or its heartbeat is answered all the same; what cannot be helped is told to come again", async () => {
      await api("PUT", "/agents/beating", { kind: "pull", capabilities: ["beating"] });
      const beat = methodOf(AgentObject.prototype, "heartbeat");
      let isWaiting = false;
      const beats = vi.spyOn(AgentObject.prototype, "heartbeat").mockImplementationOnce(async function (this: AgentObject<unknown>, name) {
        isWaiting = true;
        await scheduler.wait(10_000);
        return beat.call(this, name);
      });
      const beating = api("POST", "/agents/beating/heartbeat", {});
      await vi.waitUntil(() => isWaiting, { timeout: 5_000, interval: 5 });
      await abortAllDurableObjects();
      expect(await beating).toMatchObject({ status: 200, body: { status: "healthy" } });
      beats.mockRejectedValue(new Error("gone"));
      const refused = await api("POST", "/agents/beating/heartbeat", {});
      expect(refused).toMatchObject({ status: 503, body: { code: "unavailable", retryable: true } });
      expect(refused.headers.get("retry-after")).toBe("1");
    });
  });

  test("of an agent that falls silent goes to a fallback at once", async () => {
    await api("PUT", "/agents/silent", { kind: "pull", capabilities: ["silent"], heartbeat_interval: "1s" });
    await registerAgent("spare");
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "silent", fallback: [{ capability: "spare" }] }] } });
    await vi.waitUntil(async () => (await taskOf(id)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });
    const task = await untilEnded(id);
    expect(task.steps[0]).toMatchObject({ status: "completed", agent: "spare" });
  });

  test("never more at once than an answer can carry", async () => {
    await api("PUT", "/agents/big", { kind: "pull", capabilities: ["big"] });
    const steps = ["a", "b", "c"].map((id) => ({ id, capability: "big", input: "${ input }" }));
    const id = await submit({ workflow: { steps }, input: "x".repeat(12_000_000) });
    await vi.waitUntil(async () => (await taskOf(id)).steps.every(({ waiting_on }) => waiting_on?.position !== undefined), {
      timeout: 5_000,
    });
    const claimed = await api<{ attempts: unknown[] }>("POST", "/agents/big/claim", { max: 3 });
    expect(claimed.body.attempts).toHaveLength(1);
    expect((await api<{ attempts: unknown[] }>("POST", "/agents/big/claim", { max: 3 })).body.attempts).toHaveLength(1);
    await api("POST", `/tasks/${id}/cancel`);
  });

  test("in whatever script it is written, up to the largest value there may be", async () => {
    await api("PUT", "/agents/reader", { kind: "pull", capabilities: ["reading"] });
    const inputs = { a: "${ input.latin }", b: "${ input }", c: "é" };
    const steps = Object.entries(inputs).map(([id, input]) => ({ id, capability: "reading", input }));
    // As a JavaScript text, each takes two bytes a character.
    const input = { latin: `${"x".repeat(7_500_000)}’`, more: `${"y".repeat(8_000_000)}’` };
    const expected = { a: input.latin, b: input, c: "é" };
    const id = await submit({ workflow: { steps }, input });
    const got: string[] = [];
    while (got.length < 3) {
      const { status, body } = await api<{ attempts: { step_id: "a" | "b" | "c"; input: unknown; idempotency_key: string }[] }>(
        "POST",
        "/agents/reader/claim?wait=5s",
        { max: 3 },
      );
      expect(status).toBe(200);
      expect(body.attempts.length).toBeGreaterThan(0);
      for (const attempt of body.attempts) {
        expect(JSON.stringify(attempt.input) === JSON.stringify(expected[attempt.step_id])).toBe(true);
        expect(attempt.idempotency_key).toBe(`${id}/${attempt.step_id}/1`);
        got.push(attempt.step_id);
      }
    }
    expect(got.toSorted()).toEqual(["a", "b", "c"]);
  });

  test("by the hundred is handed out however much there is to say of its agent", async () => {
    const capabilities = ["wordy", "x", "y", "z"].map((name) => ({ name, input_schema: { description: "’".repeat(32_000) } }));
    expect((await api("PUT", "/agents/wordy", { kind: "pull", capabilities })).status).toBe(201);
    const steps = Array.from({ length: 100 }, (_, index) => ({ id: `s${index}`, capability: "wordy", input: "${ input }" }));
    const id = await submit({ workflow: { steps }, input: "’".repeat(80_000) });
    await vi.waitUntil(async () => (await taskOf(id)).steps.every(({ waiting_on }) => waiting_on?.position !== undefined), {
      timeout: 5_000,
    });
    let handed = 0;
    for (let claims = 0; claims < 4; claims++) handed += (await claim("wordy", "", 100)).body.attempts.length;
    expect(handed).toBe(100);
  });
});

describe("a slot", () => {
  test("of a queued call that was canceled is free when the call is through, and not before", async () => {
    await registerAgent("slow", { dispatch: "queue", limits: { max_concurrency: 1 } });
    const held = gate();
    let [busy, most] = [0, 0];
    agentsAnswer(async ({ stepId }) => {
      most = Math.max(most, ++busy);
      if (stepId === "first") await held.passed();
      busy--;
      return Response.json({ output: 1 });
    });
    const first = await submit({ workflow: { steps: [{ id: "first", capability: "slow" }] } });
    await vi.waitUntil(() => busy === 1, { timeout: 5_000 });
    await api("POST", `/tasks/${first}/cancel`);
    const second = await submit({ workflow: { steps: [{ id: "second", capability: "slow" }] } });
    await vi.waitUntil(async () => (await taskOf(second)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });
    expect(busy).toBe(1);
    held.open();
    expect((await untilEnded(second)).status).toBe("completed");
    expect(most).toBe(1);
  });

  describe("of claimed work that was canceled is in use", () => {
    const two = async (agent: string): Promise<readonly [string, string]> => {
      const ids = [];
      for (const step of ["first", "second"]) ids.push(await submit({ workflow: { steps: [{ id: step, capability: agent }] } }));
      return ids as [string, string];
    };
    const inLine = (id: string) => vi.waitUntil(async () => (await taskOf(id)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });

    test("until its worker has heard of it", async () => {
      await api("PUT", "/agents/digger", { kind: "pull", capabilities: ["digger"], limits: { max_concurrency: 1 } });
      const [first, second] = await two("digger");
      const claimed = await claim("digger", "?wait=5s");
      await api("POST", `/tasks/${first}/cancel`);
      expect((await claim("digger", "?wait=1s")).body.attempts).toEqual([]);
      await inLine(second);
      expect((await reply(claimed.body.attempts[0], "heartbeat", {})).body).toMatchObject({ code: "attempt_canceled" });
      expect((await claim("digger", "?wait=5s")).body.attempts).toMatchObject([{ task_id: second }]);
    });

    test("until its agent, which had accepted it, replies all the same", async () => {
      await registerAgent("later", { limits: { max_concurrency: 1 } });
      agentsAnswer(() => new Response(null, { status: 202 }));
      const [first, second] = await two("later");
      await vi.waitUntil(async () => (await eventsOf(first)).some(({ type }) => type === "attempt.claimed"), { timeout: 5_000 });
      await api("POST", `/tasks/${first}/cancel`);
      await scheduler.wait(200);
      await inLine(second);
      expect(calls).toHaveLength(1);
      const reply = await api("POST", `${new URL(calls[0]?.callbackUrl ?? "").pathname.replace("/api/v1", "")}/complete`, { output: 1 });
      expect(reply.body).toMatchObject({ code: "attempt_canceled" });
      await vi.waitUntil(() => calls.length === 2, { timeout: 5_000 });
    });

    test("until its agent says at its cancel_url that it has heard", async () => {
      await registerAgent("polite", { limits: { max_concurrency: 1 }, cancel_url: "https://polite.example/cancel" });
      const heard = gate();
      agentsAnswer(async ({ url }) => {
        if (url.pathname === "/cancel") await heard.passed();
        return new Response(null, { status: url.pathname === "/cancel" ? 204 : 202 });
      });
      const [first, second] = await two("polite");
      await vi.waitUntil(async () => (await eventsOf(first)).some(({ type }) => type === "attempt.claimed"), { timeout: 5_000 });
      await api("POST", `/tasks/${first}/cancel`);
      await vi.waitUntil(() => calls.length === 2, { timeout: 5_000 });
      await inLine(second);
      heard.open();
      await vi.waitUntil(() => calls.some(({ taskId }) => taskId === second), { timeout: 5_000 });
    });

    test("until its lease has ended", async () => {
      await registerAgent("deaf", { limits: { max_concurrency: 1 }, timeout: "40s" });
      agentsAnswer(() => new Response(null, { status: 202 }));
      const [first, second] = await two("deaf");
      await vi.waitUntil(async () => (await eventsOf(first)).some(({ type }) => type === "attempt.claimed"), { timeout: 5_000 });
      await api("POST", `/tasks/${first}/cancel`);
      clockAhead(31_000);
      await runDurableObjectAlarm(agentStub("deaf"));
      await inLine(second);
      // Its object knows when, and asks nobody.
      const [{ freeAt = 0 } = {}] = await runInDurableObject(agentStub("deaf"), (_, state) =>
        [...state.storage.sql.exec<{ body: string }>("SELECT body FROM slot")].map(({ body }) => JSON.parse(body) as Slot),
      );
      clockAhead(freeAt - Date.now());
      await runDurableObjectAlarm(agentStub("deaf"));
      await vi.waitUntil(() => calls.some(({ taskId }) => taskId === second), { timeout: 5_000 });
    });
  });

  test("of a call under way is not forgotten when its agent is deleted and comes back, and nothing stays when it does not", async () => {
    await registerAgent("phoenix", { dispatch: "inline", limits: { max_concurrency: 1 } });
    const held = gate();
    let [busy, most] = [0, 0];
    agentsAnswer(async () => {
      most = Math.max(most, ++busy);
      await held.passed();
      busy--;
      return Response.json({ output: 1 });
    });
    const rows = () =>
      runInDurableObject(
        agentStub("phoenix"),
        (_, state) => [...state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'slot'")].length,
      );
    const removed = vi.spyOn(AgentObject.prototype, "removed");
    const first = await submit(wide(1, "phoenix"));
    await vi.waitUntil(() => busy === 1, { timeout: 5_000 });
    const remove = async (times: number) => {
      await api("DELETE", "/agents/phoenix");
      await vi.waitUntil(() => removed.mock.settledResults.filter(({ type }) => type === "fulfilled").length === times, { timeout: 5_000 });
    };
    await remove(1);
    await registerAgent("phoenix", { dispatch: "inline", limits: { max_concurrency: 1 } });
    const second = await submit(wide(1, "phoenix"));
    await vi.waitUntil(async () => (await taskOf(second)).steps[0]?.waiting_on?.position === 1, { timeout: 5_000 });
    held.open();
    for (const id of [first, second]) expect((await untilEnded(id)).status).toBe("completed");
    expect(most).toBe(1);
    await remove(2);
    expect(await rows()).toBe(0);
  });

  test("of an agent that is back before its object hears that it was deleted is given to who waits for it", async () => {
    await registerAgent("swift", { limits: { max_concurrency: 1 } });
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit(wide(2, "swift"));
    await vi.waitUntil(async () => (await taskOf(id)).steps.some(({ waiting_on }) => waiting_on?.position === 1), { timeout: 5_000 });
    await agentStub("swift").removed({ tenant: "default", agent: "swift" });
    expect((await taskOf(id)).steps.map(({ waiting_on }) => waiting_on?.position)).toContain(1);
    expect((await api("GET", "/agents/swift")).body).toMatchObject({ in_flight: 1 });
    held.open();
    expect((await untilEnded(id)).status).toBe("completed");
  });

  test("of a task that cannot be asked any more is taken back some day", async () => {
    await registerAgent("stuck", { dispatch: "queue", limits: { max_concurrency: 1 } });
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const broken = await submit(wide(1, "stuck"));
    await vi.waitUntil(() => calls.length === 1, { timeout: 5_000 });
    await runInDurableObject(stubOf(broken), (_, state) => void state.storage.sql.exec("UPDATE journal SET events = 'unreadable'"));
    await evictDurableObject(stubOf(broken));
    held.open();
    await submit(wide(1, "stuck"));
    const slots = () =>
      runInDurableObject(agentStub("stuck"), (_, state) =>
        [...state.storage.sql.exec<{ body: string }>("SELECT body FROM slot")].map(({ body }) => JSON.parse(body) as Slot),
      );
    clockAhead(LIMITS.slotVerifyMs + 1_000);
    await runDurableObjectAlarm(agentStub("stuck"));
    await vi.waitUntil(async () => (await slots())[0]?.unansweredSince !== undefined, { timeout: 5_000 });
    expect(await slots()).toMatchObject([{ task: broken }]);
    await evictDurableObject(agentStub("stuck"));
    clockAhead(LIMITS.slotDoubtMs);
    await runDurableObjectAlarm(agentStub("stuck"));
    await vi.waitUntil(async () => (await slots()).every(({ task }) => task !== broken), { timeout: 5_000 });
    await vi.waitUntil(() => calls.length >= 2, { timeout: 5_000 });
  });

  test("that nobody got to use tells no agent of its cancellation", async () => {
    await registerAgent("told", { limits: { max_concurrency: 1 }, cancel_url: "https://told.example/cancel" });
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit(wide(5, "told"));
    await vi.waitUntil(async () => (await taskOf(id)).steps.filter(({ status }) => status === "waiting").length === 4, { timeout: 5_000 });
    await api("POST", `/tasks/${id}/cancel`);
    await vi.waitUntil(() => calls.some(({ url }) => url.pathname === "/cancel"), { timeout: 5_000 });
    held.open();
    await scheduler.wait(200);
    expect(calls.filter(({ url }) => url.pathname === "/cancel")).toHaveLength(1);
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
