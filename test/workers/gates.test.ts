/** Tasks that run a few at a time under one key: in their object, with real tasks. */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import {
  agentsAnswer,
  api,
  calls,
  clockAhead,
  eventsOf,
  gate,
  registerAgent,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  untilStatus,
} from "./harness.ts";

const WORK = { steps: [{ id: "a", capability: "worker" }] };
const under = (key: string, limit: number, overlap?: string) => ({
  workflow: WORK,
  concurrency: { key: `"${key}"`, limit, ...(overlap !== undefined && { overlap }) },
});
const gateStub = (key: string) => env.GATES.getByName(`default/${key}`);
const membersOf = (key: string) =>
  runInDurableObject(gateStub(key), (_, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'member'").toArray().length === 0
      ? []
      : [...storage.sql.exec<{ body: string }>("SELECT body FROM member")].map(
          ({ body }) => JSON.parse(body) as { task: string; state: string },
        ),
  );

/** How many tasks the agent works for at once, at most. */
function countedAgent(ms = 20): { readonly most: () => number } {
  let [now, most] = [0, 0];
  agentsAnswer(async () => {
    most = Math.max(most, ++now);
    await scheduler.wait(ms);
    now--;
    return Response.json({ output: 1 });
  });
  return { most: () => most };
}

/** Agents do not answer until the test says so. */
function heldAgent(): { readonly open: () => void } {
  const held = gate();
  agentsAnswer(async ({ taskId }) => {
    await held.passed();
    return Response.json({ output: taskId });
  });
  return held;
}

beforeEach(() => registerAgent("worker"));

describe("a task that is held back", () => {
  const terms = (key: string, outdated?: string) => ({
    workflow: WORK,
    concurrency: { key: `"${key}"`, limit: 1, ...(outdated !== undefined && { outdated }) },
  });
  const HOUR = 3_600_000;

  test("is canceled where it is outdated by a newer one that has run, if its key says so; unless said it runs", async () => {
    countedAgent();
    const held = await submit({ ...terms("dated", "cancel"), start_at: "1h" });
    const runs = await submit({ ...terms("undated"), start_at: "1h" });
    for (const newer of [terms("dated", "cancel"), terms("undated")]) {
      expect(await untilEnded(await submit(newer))).toMatchObject({ status: "completed" });
    }
    await vi.waitUntil(async () => (await membersOf("dated")).length === 0);
    clockAhead(HOUR / 2);
    await runDurableObjectAlarm(gateStub("dated"));
    await abortAllDurableObjects().catch(() => undefined);
    clockAhead(HOUR / 2 + 1_000);
    expect(await untilEnded(held)).toMatchObject({ status: "canceled", started_at: null });
    expect(await untilEnded(runs)).toMatchObject({ status: "completed" });
  });

  test("stands for a burst and is as new as the input that it was given last", async () => {
    countedAgent();
    const burst = { ...terms("burst", "cancel"), debounce: { key: '"burst"', for: "1h" } };
    const id = await submit(burst);
    clockAhead(1_000);
    expect(await untilEnded(await submit(terms("burst", "cancel")))).toMatchObject({ status: "completed" });
    clockAhead(1_000);
    expect(await submit(burst)).toBe(id);
    clockAhead(HOUR + 1_000);
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  });
});

describe("tasks under one key", () => {
  test("run as many at once as the limit says, all of them in the end", async () => {
    const agent = countedAgent();
    const ids = await Promise.all(Array.from({ length: 20 }, () => submit(under("many", 3))));
    for (const id of ids) expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(agent.most()).toBe(3);
    await vi.waitUntil(async () => (await membersOf("many")).length === 0);
  });

  test("say what they wait for and where they stand, the more urgent first", async () => {
    const held = heldAgent();
    const first = await submit(under("line", 1));
    await untilStatus(first, "running");
    const second = await submit(under("line", 1));
    const urgent = await submit({ ...under("line", 1), priority: 9 });
    await vi.waitUntil(async () => (await taskOf(second)).waiting_on?.position === 2);
    expect(await taskOf(urgent)).toMatchObject({
      status: "queued",
      waiting_on: { type: "concurrency", key: "line", limit: 1, position: 1 },
    });
    held.open();
    for (const id of [first, second, urgent]) await untilEnded(id);
    expect(calls.map(({ taskId }) => taskId)).toEqual([first, urgent, second]);
  });

  test("have the limit that was said last", async () => {
    const held = heldAgent();
    const first = await submit(under("raised", 1));
    await untilStatus(first, "running");
    const second = await submit(under("raised", 1));
    await vi.waitUntil(async () => (await taskOf(second)).waiting_on?.position === 1);
    await submit(under("raised", 3));
    await untilStatus(second, "running");
    held.open();
  });

  test("leave the line when they are canceled, and hold still while they are paused", async () => {
    const held = heldAgent();
    const first = await submit(under("left", 1));
    await untilStatus(first, "running");
    const [canceled, paused, last] = [await submit(under("left", 1)), await submit(under("left", 1)), await submit(under("left", 1))];
    await vi.waitUntil(async () => (await taskOf(last)).waiting_on?.position === 3);
    await api("POST", `/tasks/${canceled}/cancel`, {});
    await vi.waitUntil(async () => (await taskOf(last)).waiting_on?.position === 2);
    await api("POST", `/tasks/${paused}/pause`, {});
    held.open();
    await untilEnded(first);
    // It has its place, and keeps it.
    await vi.waitUntil(async () => (await eventsOf(paused)).some(({ type }) => type === "task.admitted"));
    expect(await taskOf(paused)).toMatchObject({ status: "paused", started_at: null });
    expect(await taskOf(last)).toMatchObject({ status: "queued" });
    await api("POST", `/tasks/${paused}/resume`, {});
    expect(await untilEnded(paused)).toMatchObject({ status: "completed" });
    expect(await untilEnded(last)).toMatchObject({ status: "completed" });
  });

  test("are rejected after their queue_ttl, and leave the line", async () => {
    const held = heldAgent();
    const first = await submit(under("ttl", 1));
    await untilStatus(first, "running");
    const second = await submit({ ...under("ttl", 1), queue_ttl: "1s" });
    expect(await untilEnded(second)).toMatchObject({ status: "rejected", error: { code: "queue_timeout" } });
    await vi.waitUntil(async () => (await membersOf("ttl")).every(({ task }) => task === first));
    held.open();
    await untilEnded(first);
  });

  test("keep to the limit although their key's object dies again and again", async () => {
    const agent = countedAgent(30);
    const ids = await Promise.all(Array.from({ length: 12 }, () => submit(under("dying", 2))));
    for (let deaths = 0; deaths < 6; deaths++) {
      await scheduler.wait(25);
      await evictDurableObject(gateStub("dying")).catch(() => undefined);
    }
    for (const id of ids) {
      await vi.waitUntil(
        async () => {
          await runDurableObjectAlarm(gateStub("dying")).catch(() => false);
          await runDurableObjectAlarm(stubOf(id)).catch(() => false);
          return (await taskOf(id)).status === "completed";
        },
        { timeout: 15_000, interval: 20 },
      );
    }
    expect(agent.most()).toBeLessThanOrEqual(2);
  });

  test("go on after everything died at once", async () => {
    const held = heldAgent();
    const ids = await Promise.all(Array.from({ length: 4 }, () => submit(under("all", 1))));
    await abortAllDurableObjects();
    held.open();
    for (const id of ids) expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  });

  test("lose the place of one that has ended without saying so", async () => {
    const held = heldAgent();
    const first = await submit(under("silent", 1));
    await untilStatus(first, "running");
    const second = await submit(under("silent", 1));
    await vi.waitUntil(async () => (await taskOf(second)).waiting_on?.position === 1);
    // As if it had ended, been archived and deleted, and its word had been lost.
    await runInDurableObject(stubOf(first), (_, { storage }) => storage.deleteAll());
    await abortAllDurableObjects();
    clockAhead(LIMITS.slotVerifyMs + 1);
    await runDurableObjectAlarm(gateStub("silent"));
    held.open();
    expect(await untilEnded(second)).toMatchObject({ status: "completed" });
  });

  test("leave nothing behind", async () => {
    countedAgent(1);
    await untilEnded(await submit(under("gone", 1)));
    await vi.waitUntil(async () => (await membersOf("gone")).length === 0);
    clockAhead(LIMITS.slotVerifyMs + 1);
    await runDurableObjectAlarm(gateStub("gone"));
    await vi.waitUntil(() =>
      runInDurableObject(
        gateStub("gone"),
        async (_, { storage }) => [...storage.kv.list()].length === 0 && (await storage.getAlarm()) === null,
      ),
    );
  });
});

describe("a task that does not wait for a place", () => {
  test("is refused, and told who has it; nothing of it is left", async () => {
    const held = heldAgent();
    const first = await submit(under("taken", 1, "reject"));
    const refused = await api("POST", "/tasks", under("taken", 1, "reject"));
    expect(refused).toMatchObject({ status: 409, body: { code: "concurrency_limit", task_id: first, retryable: true } });
    held.open();
    await untilEnded(first);
    await vi.waitUntil(async () => (await membersOf("taken")).length === 0);
    await untilEnded(await submit(under("taken", 1, "reject")));
  });

  test("is one of as many as there are places, however many come at once", async () => {
    const held = heldAgent();
    const answers = await Promise.all(Array.from({ length: 30 }, () => api("POST", "/tasks", under("race", 4, "reject"))));
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(4);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(26);
    held.open();
  });

  test("is answered with the one that has it, whoever comes first", async () => {
    const held = heldAgent();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api<TaskHead>("POST", "/tasks", under("same", 1, "return_existing"))),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9);
    expect(answers.filter(({ headers }) => headers.get("existing-task") === "true")).toHaveLength(9);
    held.open();
    await untilEnded(answers[0]?.body.id ?? "");
    expect(calls).toHaveLength(1);
  });

  test("is answered as before when it comes again under its key, whoever has the place then", async () => {
    const key = { "idempotency-key": "once" };
    countedAgent(1);
    const first = await submit(under("again", 1, "reject"), key);
    await untilEnded(first);
    await vi.waitUntil(async () => (await membersOf("again")).length === 0);
    heldAgent();
    const other = await submit(under("again", 1, "reject"));
    const again = await api<TaskHead>("POST", "/tasks", under("again", 1, "reject"), key);
    expect([again.status, again.body.id, again.headers.get("idempotent-replayed")]).toEqual([202, first, "true"]);
    await api("POST", `/tasks/${other}/cancel`, {});
    await vi.waitUntil(async () => (await membersOf("again")).length === 0);
    await api<TaskHead>("POST", "/tasks", under("again", 1, "reject"), key);
    expect(await membersOf("again")).toEqual([]);
  });

  test("keeps no place when its submission dies on the way", async () => {
    const name = { tenant: "default", key: "orphan" };
    const entrant = { task: "task_that_never_came", priority: 5, submittedAt: Date.now(), limit: 1, overlap: "reject" } as const;
    expect(await gateStub("orphan").reserve(name, entrant)).toMatchObject({ type: "reserved" });
    expect(await api("POST", "/tasks", under("orphan", 1, "reject"))).toMatchObject({ status: 409 });
    clockAhead(LIMITS.gateReserveMs + 1);
    await runDurableObjectAlarm(gateStub("orphan"));
    await vi.waitUntil(async () => (await membersOf("orphan")).length === 0);
    await untilEnded(await submit(under("orphan", 1, "reject")));
  });
});

describe("a task that cancels those before it", () => {
  test("begins when they have ended; only the newest is left", async () => {
    const held = heldAgent();
    const first = await submit(under("newest", 1, "cancel_previous"));
    await untilStatus(first, "running");
    const others = await Promise.all(Array.from({ length: 5 }, () => submit(under("newest", 1, "cancel_previous"))));
    held.open();
    const ended = await Promise.all([first, ...others].map((id) => untilEnded(id)));
    const completed = ended.filter(({ status }) => status === "completed");
    expect(ended.filter(({ status }) => status === "canceled")).toHaveLength(5);
    const newest = ended
      .toSorted((a, b) => (a.created_at === b.created_at ? (a.id < b.id ? -1 : 1) : a.created_at < b.created_at ? -1 : 1))
      .at(-1);
    expect(completed.map(({ id }) => id)).toEqual([newest?.id]);
    const canceled = (await eventsOf(first)).find(({ type }) => type === "task.canceled");
    expect(canceled?.data["reason"]).toContain("takes its place");
  });

  test("never cancels one that waits for it: it is refused at once, and what started it fails", async () => {
    heldAgent();
    const gate = { key: "input.k", limit: 1 };
    await api("PUT", "/workflows/newest-in", { ...WORK, concurrency: { ...gate, overlap: "cancel_previous" } });
    const start = (workflow: string) => ({ id: "go", type: "workflow", workflow, input: { k: "${ input.k }" } });
    await api("PUT", "/workflows/newest-between", { steps: [start("newest-in")] });
    for (const workflow of ["newest-in", "newest-between"]) {
      const ended = await untilEnded(await submit({ workflow: { concurrency: gate, steps: [start(workflow)] }, input: { k: workflow } }));
      expect(ended).toMatchObject({ status: "failed", error: { code: "child_rejected" } });
      expect(ended.error?.message).toContain("waits for this task");
    }
  });
});

describe("a workflow that says how many of its tasks run at once", () => {
  test("is obeyed by those who are submitted and by those that steps and chains start, but not by the parts of a map", async () => {
    const agent = countedAgent();
    await api("PUT", "/workflows/narrow", { ...WORK, concurrency: { limit: 2 } });
    const each = { id: "each", type: "map", over: [1, 2, 3, 4, 5], steps: [{ id: "go", type: "workflow", workflow: "narrow" }] };
    const parents = await Promise.all(Array.from({ length: 2 }, () => submit({ workflow: { steps: [each] } })));
    const own = await Promise.all(Array.from({ length: 3 }, () => submit({ type: "narrow", input: {} })));
    for (const id of [...parents, ...own]) expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect(calls).toHaveLength(13);
    expect(agent.most()).toBe(2);
  });

  test("has a key for each of those it is about, or is refused where the key cannot be made", async () => {
    const held = heldAgent();
    await api("PUT", "/workflows/fair", { ...WORK, concurrency: { key: 'task.workflow.name + "/" + input.customer', limit: 1 } });
    const [ann, bob, second] = [
      await submit({ type: "fair", customer: "ann" }),
      await submit({ type: "fair", customer: "bob" }),
      await submit({ type: "fair", customer: "ann" }),
    ];
    await untilStatus(ann, "running");
    await untilStatus(bob, "running");
    expect(await taskOf(second)).toMatchObject({ status: "queued", waiting_on: { key: "fair/ann" } });
    const refused = await api<{ errors: { pointer: string }[] }>("POST", "/tasks", { type: "fair", input: {} });
    expect([refused.status, refused.body.errors[0]?.pointer]).toEqual([400, "/concurrency/key"]);
    expect(await api("PUT", "/workflows/odd", { ...WORK, concurrency: { key: "steps.a.output", limit: 1 } })).toMatchObject({
      status: 400,
    });
    expect(await api("POST", "/tasks", { workflow: WORK, concurrency: { limit: 1 } })).toMatchObject({ status: 400 });
    held.open();
    for (const id of [ann, bob, second]) await untilEnded(id);
  });
});

describe("a task with a time to start at", () => {
  test("is queued until then, and begins by its alarm", async () => {
    const id = await submit({ workflow: WORK, start_at: "1h" });
    expect(await taskOf(id)).toMatchObject({ status: "queued", waiting_on: { type: "timer" }, started_at: null });
    clockAhead(3_600_001);
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  });

  test("begins at once if that has passed, and is refused if its deadline has passed by then", async () => {
    await untilEnded(await submit({ workflow: WORK, start_at: "2020-01-01T00:00:00Z" }));
    expect(await api("POST", "/tasks", { workflow: WORK, start_at: "1h", deadline: "30m" })).toMatchObject({ status: 400 });
  });

  test("is one of a batch, each with an answer of its own", async () => {
    const held = heldAgent();
    const tasks = [{ workflow: WORK, start_at: "1h" }, under("batch", 1, "reject"), { nonsense: 1 }];
    const { body } = await api<{ data: { status: number }[] }>("POST", "/tasks/batch", { tasks });
    expect(body.data.map(({ status }) => status)).toEqual([202, 202, 400]);
    const again = await api<{ data: { status: number }[] }>("POST", "/tasks/batch", { tasks: [under("batch", 1, "reject")] });
    expect(again.body.data.map(({ status }) => status)).toEqual([409]);
    held.open();
  });
});
