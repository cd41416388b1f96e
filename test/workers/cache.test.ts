/** Results that are made once and given again, over real objects. */
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ResultCache } from "../../src/index.ts";
import { LIMITS } from "../../src/cache/limits.ts";
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
  ROOT_KEY,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  untilStatus,
} from "./harness.ts";

const workflowOf = (cache: Record<string, unknown> | undefined, capability: string, more: Record<string, unknown> = {}) => ({
  steps: [{ id: "look", capability, input: { q: "${input.q}" }, ...(cache && { cache }), ...more }],
});
const look = (capability: string, q: unknown, cache: Record<string, unknown> = { ttl: "1h" }) =>
  submit({ workflow: workflowOf(cache, capability), input: { q } });
const shards = () => Array.from({ length: LIMITS.cacheShards }, (_, shard) => env.RESULTS.getByName(`default/${shard}`));
const statistics = async () => (await api<Record<string, number>>("GET", "/cache")).body;
const ringShards = () => Promise.all(shards().map((shard) => runDurableObjectAlarm(shard).catch(() => false)));

async function fileOf(id: string): Promise<string> {
  const headers = { authorization: `Bearer ${ROOT_KEY}` };
  return (await exports.default.fetch(`https://orchestrator.example/api/v1/tasks/${id}/export`, { headers })).text();
}

/** Until the ends of tasks are in the cache: they travel after them. */
async function untilKept(entries: number): Promise<void> {
  await vi.waitUntil(async () => (await statistics()).entries === entries, { timeout: 5_000, interval: 10 });
}

/** What other tests have kept is nobody's here. */
beforeEach(async () => {
  for (const shard of shards()) {
    await runInDurableObject(shard, async (_, { storage }) => {
      await storage.deleteAlarm();
      await storage.deleteAll();
    });
  }
  await abortAllDurableObjects();
});

describe("a step with a cache", () => {
  test("gets the result that an equal one has brought, calls nobody, and says whose it is", async () => {
    await registerAgent("find");
    const first = await look("find", 1);
    await untilEnded(first);
    await untilKept(1);
    const second = await look("find", 1);
    const { steps } = await untilEnded(second);
    expect(await resultOf(second)).toEqual(await resultOf(first));
    expect(calls).toHaveLength(1);
    expect(steps[0]).toMatchObject({ status: "completed", attempts: 0, agent: null, cached: { task_id: first } });
    const completed = (await eventsOf(second)).find(({ type }) => type === "step.completed");
    expect(completed?.data["cached"]).toMatchObject({ task: first });
    await untilEnded(await look("find", 2));
    expect(calls).toHaveLength(2);
    expect(await statistics()).toMatchObject({ hits: 1, misses: 2, working: 0, waiting: 0 });
  });

  test("fifty tasks that miss the same key at once call the agent once", async () => {
    await registerAgent("once", { dispatch: "inline" });
    const { open, passed } = gate();
    agentsAnswer(async () => {
      await passed();
      return Response.json({ output: { n: calls.length } });
    });
    const ids = await Promise.all(Array.from({ length: 50 }, () => look("once", "same")));
    await vi.waitUntil(async () => (await statistics())["waiting"] === 49, { timeout: 10_000, interval: 20 });
    const working = calls[0]?.taskId;
    const waiting = await Promise.all(ids.filter((id) => id !== working).map((id) => taskOf(id)));
    for (const task of waiting) expect(task.waiting_on).toMatchObject({ type: "cache", step_id: "look", task_id: working });
    open();
    for (const id of ids) expect((await untilEnded(id)).status).toBe("completed");
    expect(calls).toHaveLength(1);
    expect(new Set(await Promise.all(ids.map(async (id) => JSON.stringify(await resultOf(id)))))).toEqual(new Set(['{"look":{"n":1}}']));
    await vi.waitUntil(async () => (await statistics())["waiting"] === 0, { timeout: 5_000, interval: 20 });
  });

  test("who fails lets the next one try, and who is canceled does too", async () => {
    await registerAgent("hard", { dispatch: "inline" });
    const { open, passed } = gate();
    agentsAnswer(async ({ attempt }) => {
      const turn = calls.length;
      await passed();
      if (turn === 1) return Response.json({ code: "no", message: "no" }, { status: 400 });
      return Response.json({ output: { turn, attempt } });
    });
    const first = await look("hard", 1);
    await vi.waitUntil(() => calls.length === 1);
    const others = [await look("hard", 1), await look("hard", 1)];
    await vi.waitUntil(async () => (await statistics())["waiting"] === 2, { timeout: 5_000, interval: 10 });
    open();
    expect((await untilEnded(first)).status).toBe("failed");
    for (const id of others) expect((await untilEnded(id)).status).toBe("completed");
    expect(calls).toHaveLength(2);
    const held = gate();
    agentsAnswer(async () => {
      await held.passed();
      return Response.json({ output: 1 });
    });
    const canceled = await look("hard", 2);
    await vi.waitUntil(() => calls.length === 3);
    const next = await look("hard", 2);
    await vi.waitUntil(async () => (await statistics())["waiting"] === 1, { timeout: 5_000, interval: 10 });
    await api("POST", `/tasks/${canceled}/cancel`);
    await vi.waitUntil(() => calls.length === 4);
    held.open();
    expect((await untilEnded(next)).status).toBe("completed");
  });

  test("that is paused before it has begun lets others go before it", async () => {
    await registerAgent("calm", { dispatch: "inline" });
    const { open, passed } = gate();
    agentsAnswer(async ({ taskId }) => {
      await passed();
      return Response.json({ output: taskId });
    });
    const ids = [await look("calm", 1), await look("calm", 1), await look("calm", 1)] as const;
    await vi.waitUntil(async () => (await statistics())["waiting"] === 2, { timeout: 5_000, interval: 10 });
    await api("POST", `/tasks/${ids[1]}/pause`);
    await api("POST", `/tasks/${ids[0]}/cancel`);
    open();
    expect((await untilEnded(ids[2])).status).toBe("completed");
    await api("POST", `/tasks/${ids[1]}/resume`);
    expect((await untilEnded(ids[1])).status).toBe("completed");
  });

  test("that waits for people to give it more to spend lets others go before it", async () => {
    await registerAgent("costly", { price: { per_call_usd: 0.4 } });
    const workflow = workflowOf({ ttl: "1h" }, "costly");
    const poor = await submit({ workflow, input: { q: 1 }, budget: { cost_usd: 0.1, on_exhausted: "ask" } });
    await vi.waitUntil(async () => (await taskOf(poor)).waiting_on?.type === "budget");
    const other = await submit({ workflow, input: { q: 1 } });
    await vi.waitUntil(async () => (await statistics())["waiting"] === 1);
    clockAhead(LIMITS.cacheLeaseMs + 1_000);
    await ringShards();
    expect((await untilEnded(other)).status).toBe("completed");
    await api("POST", `/tasks/${poor}/cancel`);
  });

  test("goes on by itself when the cache does not answer", async () => {
    await registerAgent("alone");
    vi.spyOn(ResultCache.prototype, "ask").mockRejectedValue(new Error("away"));
    const id = await look("alone", 1);
    expect((await untilEnded(id)).status).toBe("completed");
    expect((await eventsOf(id)).find(({ type }) => type === "cache.missed")?.data).toEqual({ reason: "unavailable" });
  });

  test("does not keep a failure's stand-in, nor what is too large, and then nobody waits for the next", async () => {
    await registerAgent("bad");
    agentsAnswer(() => Response.json({ code: "no", message: "no" }, { status: 400 }));
    const workflow = workflowOf({ ttl: "1h" }, "bad", { on_error: { output: 0 } });
    await untilEnded(await submit({ workflow, input: { q: 1 } }));
    await untilEnded(await submit({ workflow, input: { q: 1 } }));
    expect(calls).toHaveLength(2);
    await registerAgent("large", { dispatch: "inline" });
    const { open, passed } = gate();
    agentsAnswer(async () => {
      await passed();
      return Response.json({ output: "x".repeat(LIMITS.cacheValueBytes) });
    });
    const ids = await Promise.all([look("large", 1), look("large", 1), look("large", 1)]);
    await vi.waitUntil(async () => (await statistics())["waiting"] === 2, { timeout: 5_000, interval: 10 });
    open();
    for (const id of ids) expect((await untilEnded(id)).status).toBe("completed");
    expect(calls).toHaveLength(5);
    expect((await statistics())["entries"]).toBe(0);
  });

  test("whoever brings the result may be restarted meanwhile, and so may the cache and those who wait", async () => {
    await registerAgent("long", { dispatch: "inline" });
    const { open, passed } = gate();
    agentsAnswer(async () => {
      await passed();
      return Response.json({ output: 1 });
    });
    const ids = await Promise.all([look("long", 1), look("long", 1), look("long", 1)]);
    await vi.waitUntil(async () => (await statistics())["waiting"] === 2, { timeout: 5_000, interval: 10 });
    await abortAllDurableObjects();
    open();
    await vi.waitUntil(
      async () => {
        await ringShards();
        const tasks = await Promise.all(ids.map((id) => taskOf(id)));
        await Promise.all(ids.map((id) => runDurableObjectAlarm(stubOf(id)).catch(() => false)));
        return tasks.every(({ status }) => status === "completed");
      },
      { timeout: 20_000, interval: 50 },
    );
    // The call that was under way when everything stopped, and the same once more.
    expect(new Set(calls.map(({ key }) => key)).size).toBe(1);
  });

  test("a result that was brought and got lost on the way is asked for when somebody wants it", async () => {
    await registerAgent("lost");
    const fill = vi.spyOn(ResultCache.prototype, "fill").mockRejectedValue(new Error("away"));
    const first = await look("lost", 1);
    await untilEnded(first);
    await vi.waitUntil(() => fill.mock.calls.length > 0);
    await abortAllDurableObjects();
    fill.mockRestore();
    const second = await look("lost", 1);
    await vi.waitUntil(async () => (await statistics())["waiting"] === 1, { timeout: 5_000, interval: 10 });
    clockAhead(LIMITS.cacheLeaseMs + 1_000);
    await ringShards();
    vi.useRealTimers();
    expect((await untilEnded(second)).status).toBe("completed");
    expect(calls).toHaveLength(1);
  });
});

describe("kept results", () => {
  test("are dropped by tag, by key and by capability, also while they are being made", async () => {
    await registerAgent("news", { dispatch: "inline" });
    const tagged = { ttl: "1h", tags: ["all", "q-${input.q}"] };
    const ids = await Promise.all([1, 2, 3].map((q) => look("news", q, tagged)));
    for (const id of ids) await untilEnded(id);
    await untilKept(3);
    expect((await api("POST", "/cache/invalidate", { tags: ["q-1", "other"] })).body).toEqual({ dropped: 1 });
    expect((await api("POST", "/cache/invalidate", { tags: ["q-1", "other"] })).body).toEqual({ dropped: 0 });
    const asked = (await eventsOf(ids[1] as string)).find(({ type }) => type === "step.waiting");
    const { key } = (asked?.data["waiting_on"] ?? {}) as { key?: string };
    expect((await api("POST", "/cache/invalidate", { keys: [key] })).body).toEqual({ dropped: 1 });
    expect((await api("POST", "/cache/invalidate", { capability: "news" })).body).toEqual({ dropped: 1 });
    expect((await api("POST", "/cache/invalidate", {})).status).toBe(400);
    const { open, passed } = gate();
    agentsAnswer(async () => {
      await passed();
      return Response.json({ output: 1 });
    });
    const id = await look("news", 4, tagged);
    await vi.waitUntil(() => calls.length === 4);
    expect((await api("POST", "/cache/invalidate", { tags: ["all"] })).body).toEqual({ dropped: 0 });
    open();
    await untilEnded(id);
    await vi.waitUntil(async () => (await statistics())["working"] === 0, { timeout: 5_000, interval: 10 });
    expect((await statistics())["entries"]).toBe(0);
  });

  test("are out of date with the completion of a step that says so, for the steps after it too, and after a restart", async () => {
    await registerAgent("read", { dispatch: "inline" });
    await registerAgent("write", { dispatch: "inline" });
    agentsAnswer(() => Response.json({ output: calls.length }));
    const read = (id: string, needs: readonly string[] = []) => ({ id, needs, capability: "read", cache: { ttl: "1h", tags: ["rates"] } });
    const write = { id: "write", capability: "write", needs: ["before"], invalidates: ["${input.tag}"] };
    const steps = [read("before"), write, read("after", ["write"])];
    await untilEnded(await submit({ workflow: { steps: [read("first")] } }));
    await untilKept(1);
    const id = await submit({ workflow: { steps, output: "${[steps.before.output, steps.after.output]}" }, input: { tag: "rates" } });
    await untilEnded(id);
    expect(await resultOf(id)).toEqual([1, 3]);
    expect((await eventsOf(id)).filter(({ type }) => type === "cache.invalidated").map(({ data }) => data)).toEqual([{ steps: ["write"] }]);
    await untilKept(1);
    // The cache is away just when the last step of a task ends: the task is put away only when it has been told.
    const away = vi.spyOn(ResultCache.prototype, "invalidate").mockRejectedValue(new Error("away"));
    const last = await submit({ workflow: { steps: [read("before"), write] }, input: { tag: "rates" } });
    await untilStatus(last, "completed");
    await vi.waitUntil(() => away.mock.calls.length > 0);
    await abortAllDurableObjects();
    away.mockRestore();
    await vi.waitUntil(
      async () => {
        await runDurableObjectAlarm(stubOf(last)).catch(() => false);
        return (await statistics())["entries"] === 0 && (await eventsOf(last)).at(-1)?.type === "task.archived";
      },
      { timeout: 10_000, interval: 20 },
    );
  });

  test("are dropped all the same when their objects end while they are asked, as in a deploy", async () => {
    await registerAgent("deployed");
    await untilEnded(await look("deployed", 1));
    await untilKept(1);
    const invalidate = methodOf(ResultCache.prototype, "invalidate");
    let waiting = 0;
    const asked = vi.spyOn(ResultCache.prototype, "invalidate").mockImplementation(async function (this: ResultCache, ...named) {
      if (++waiting <= LIMITS.cacheShards) await scheduler.wait(10_000);
      return invalidate.apply(this, named);
    });
    const dropping = api("POST", "/cache/invalidate", { capability: "deployed" });
    await vi.waitUntil(() => waiting === LIMITS.cacheShards, { timeout: 5_000, interval: 5 });
    await abortAllDurableObjects();
    expect(await dropping).toMatchObject({ status: 200, body: { dropped: 1 } });
    asked.mockRejectedValue(new Error("gone"));
    const refused = await api("POST", "/cache/invalidate", { capability: "deployed" });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  test("expire, and are then gone", async () => {
    await registerAgent("short");
    await untilEnded(await look("short", 1, { ttl: "10m" }));
    await untilKept(1);
    clockAhead(11 * 60_000);
    await untilEnded(await look("short", 1, { ttl: "10m" }));
    expect(calls).toHaveLength(2);
    await vi.waitUntil(async () => (await statistics())["working"] === 0, { timeout: 5_000, interval: 10 });
    clockAhead(60 * 60_000);
    await ringShards();
    expect((await statistics())["entries"]).toBe(0);
  });

  test("are a tenant's own", async () => {
    await registerAgent("mine");
    const made = await api<{ key: string }>("POST", "/keys", { name: "other", tenant: "other", roles: ["admin"] });
    const other = { authorization: `Bearer ${made.body.key}` };
    await api("PUT", "/agents/mine", { url: "https://mine.example/run", capabilities: ["mine"] }, other);
    await untilEnded(await look("mine", 1));
    await untilKept(1);
    const body = { workflow: workflowOf({ ttl: "1h" }, "mine"), input: { q: 1 } };
    const theirs = await api<{ status: string }>("POST", "/tasks?wait=10", body, other);
    expect(theirs.body.status).toBe("completed");
    expect(calls).toHaveLength(2);
    expect((await api("POST", "/cache/invalidate", { capability: "mine" }, other)).body).toEqual({ dropped: 1 });
    expect((await statistics())["entries"]).toBe(1);
  });

  test("under a key of an author's are not planted by those who send a workflow along, fork one, or bring one from elsewhere", async () => {
    await registerAgent("rated");
    const cache = { ttl: "1h", key: "'all'" };
    const planted = { name: "rates", ...workflowOf(cache, "rated", { input: { evil: true } }) };
    const put = (version: number) => api("PUT", "/workflows/rates", { ...workflowOf(cache, "rated"), description: `${version}` });
    expect((await put(1)).status).toBe(201);
    agentsAnswer(({ input }) => Response.json({ output: input }));
    await untilEnded(await submit({ workflow: planted }));
    await untilKept(1);

    // A file that says that it ran the registered workflow; then a fork of it.
    const ran = await submit({ type: "rates", input: { q: 0 } });
    await untilEnded(ran);
    expect(await resultOf(ran)).toEqual({ look: { q: 0 } });
    await untilKept(2);
    expect((await api("POST", "/cache/invalidate", { capability: "rated" })).body).toEqual({ dropped: 2 });
    const file = await fileOf(ran);
    const forged = file.replaceAll("${input.q}", "evil");
    expect(forged).not.toBe(file);
    const imported = await api<{ id: string }>("POST", "/tasks/import", forged, { "content-type": "application/x-ndjson" });
    expect(imported.status, JSON.stringify(imported.body)).toBe(201);
    const fork = await api<{ id: string }>("POST", `/tasks/${imported.body.id}/fork`, { from: { step: "look" } });
    await untilEnded(fork.body.id);
    await untilKept(1);

    expect((await put(2)).status).toBe(201);
    const own = await submit({ type: "rates", input: { q: 1 } });
    await untilEnded(own);
    expect(await resultOf(own), "neither was taken").toEqual({ look: { q: 1 } });
    await untilKept(2);
    const again = await submit({ type: "rates@1", input: { q: 2 } });
    await untilEnded(again);
    expect(await resultOf(again), "versions share").toEqual({ look: { q: 1 } });
  });

  test("are shared by workflows that say so, which only registered ones may", async () => {
    await registerAgent("common");
    const workflow = workflowOf({ ttl: "1h", key: "'all'", scope: "tenant" }, "common");
    const nested = { steps: [{ id: "all", type: "map", over: "[1]", steps: workflow.steps }] };
    for (const [sent, pointer] of [
      [workflow, "/workflow/steps/0/cache/scope"],
      [nested, "/workflow/steps/0/steps/0/cache/scope"],
    ] as const) {
      const refused = await api("POST", "/tasks", { workflow: sent, input: {} });
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid_definition", errors: [{ pointer }] } });
    }
    for (const name of ["one", "two"]) expect((await api("PUT", `/workflows/${name}`, workflow)).status).toBe(201);
    await untilEnded(await submit({ type: "one", input: { q: 1 } }));
    await untilKept(1);
    await untilEnded(await submit({ type: "two", input: { q: 2 } }));
    expect(calls).toHaveLength(1);
  });

  test("come from a capability that says so, until it has another version", async () => {
    const offers = (version: string) => ({ capabilities: [{ name: "rates", version, cache: { ttl: "1h", tags: ["rates"] } }] });
    const plain = () => submit({ workflow: workflowOf(undefined, "rates"), input: { q: 1 } });
    await registerAgent("rates", offers("1"));
    await untilEnded(await plain());
    await untilKept(1);
    await untilEnded(await plain());
    expect(calls).toHaveLength(1);
    await registerAgent("rates", offers("2"));
    await untilEnded(await plain());
    expect(calls).toHaveLength(2);
    // Of two who offer it one has said nothing of keeping results.
    await registerAgent("other", { capabilities: ["rates"] });
    await untilEnded(await plain());
    expect(calls).toHaveLength(3);
  });
});

test("a hit costs a task one row more than a step that only computes", async () => {
  await registerAgent("cheap");
  const chain = (kind: Record<string, unknown>) =>
    Array.from({ length: 10 }, (_, index) => ({ id: `s${index}`, ...kind, ...(index > 0 && { needs: [`s${index - 1}`] }) }));
  const cached = chain({ capability: "cheap", input: { same: true }, cache: { ttl: "1h" } });
  const computed = chain({ type: "transform", output: 1 });
  await untilEnded(await submit({ workflow: { steps: cached.slice(0, 1) } }));
  await untilKept(1);
  const rowsOf = async (steps: readonly unknown[]): Promise<number> => {
    const id = await submit({ workflow: { steps } });
    await untilEnded(id);
    const isArchived = async () => (await eventsOf(id)).at(-1)?.type === "task.archived";
    await vi.waitUntil(isArchived, { timeout: 5_000, interval: 20 });
    return runInDurableObject(stubOf(id), (instance, { storage }) => {
      const { alarmsSet } = (instance as unknown as { cost: { alarmsSet: number } }).cost;
      return storage.sql.exec("SELECT 1 FROM journal").toArray().length + alarmsSet;
    });
  };
  // What every task costs, whatever is in it, is the same for both lengths.
  const perStep = async (steps: readonly unknown[]): Promise<number> => ((await rowsOf(steps)) - (await rowsOf(steps.slice(0, 5)))) / 5;
  expect(await perStep(computed)).toBe(0);
  expect(await perStep(cached)).toBeLessThanOrEqual(1);
  expect(calls).toHaveLength(1);
});
