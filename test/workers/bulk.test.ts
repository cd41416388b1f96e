/** Deleting a task, and doing something to many. */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { LIMITS as BULK } from "../../src/bulk/limits.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { HistoryProjection } from "../../src/tasks/object/history-projection.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import { agentsAnswer, api, clockAhead, registerAgent, resultOf, stubOf, submit, taskOf, untilEnded, untilStatus } from "./harness.ts";

const done = { workflow: { steps: [{ id: "a", type: "transform", output: 1 }] } };
const waits = { workflow: { steps: [{ id: "hear", type: "signal", name: "go" }] } };

async function listed(query: string): Promise<readonly { readonly id: string; readonly status: string }[]> {
  return (await api<{ data: readonly { readonly id: string; readonly status: string }[] }>("GET", `/tasks?limit=200&${query}`)).body.data;
}

async function untilListed(query: string, count: number): Promise<void> {
  await vi.waitUntil(async () => (await listed(query)).length === count, { timeout: 15_000, interval: 100 });
}

describe("a task that is deleted", () => {
  test("is gone from its object and from history, and its key may be used again", async () => {
    const key = { "idempotency-key": "once" };
    const id = await submit({ ...done, tags: ["gone"] }, key);
    await untilEnded(id);
    expect((await api("DELETE", `/tasks/${id}`)).status).toBe(204);
    expect((await api("GET", `/tasks/${id}`)).status).toBe(404);
    expect((await api("DELETE", `/tasks/${id}`)).status).toBe(404);
    expect(await listed("tag=gone")).toEqual([]);
    const rows = await env.DB.prepare("SELECT count(*) AS n FROM archive_parts WHERE id = ?").bind(id).first<{ n: number }>();
    expect(rows?.n).toBe(0);
    expect(await submit({ ...done, tags: ["gone"] }, key)).toBe(id);
    expect((await untilEnded(id)).status).toBe("completed");
  });

  test("and submitted again under its key is a new one, that gives its place back and starts what comes after it, too", async () => {
    await api("PUT", "/workflows/after", { steps: [{ id: "a", type: "transform", output: 1 }] });
    const key = { "idempotency-key": "again" };
    const body = {
      workflow: { ...done.workflow, on_completed: [{ workflow: "after", input: {} }] },
      concurrency: { key: '"once more"', limit: 1 },
      tags: ["chained"],
    };
    const id = await submit(body, key);
    await untilListed("tag=chained", 2);
    for (const { id: one } of await listed("tag=chained")) {
      await untilEnded(one);
      expect((await api("DELETE", `/tasks/${one}`)).status).toBe(204);
    }
    expect(await submit(body, key)).toBe(id);
    await untilListed("tag=chained", 2);
    const next = await submit({ ...body, workflow: done.workflow });
    expect((await untilEnded(next)).status).toBe("completed");
  });

  test("and submitted again starts tasks of its own, not those that the first one had started", async () => {
    const doubled = { steps: [{ id: "a", type: "transform", output: "${ input.n * 2 }" }], output: "${ steps.a.output }" };
    await api("PUT", "/workflows/doubles", doubled);
    const key = { "idempotency-key": "parent" };
    const steps = [{ id: "w", type: "workflow", workflow: "doubles", input: { n: "${ input.n }" } }];
    const body = (n: number) => ({ workflow: { steps, output: "${ steps.w.output }" }, input: { n } });
    const id = await submit(body(1), key);
    await untilEnded(id);
    expect((await api("DELETE", `/tasks/${id}`)).status).toBe(204);
    expect(await submit(body(5), key)).toBe(id);
    await untilEnded(id);
    expect(await resultOf(id)).toBe(10);
  });

  test("twice at a time is deleted once: who submits it again meanwhile has a new one", async () => {
    const key = { "idempotency-key": "twice" };
    const id = await submit({ ...done, tags: ["twice"] }, key);
    await untilEnded(id);
    const deleted = await Promise.all([api("DELETE", `/tasks/${id}`), api("DELETE", `/tasks/${id}`), api("DELETE", `/tasks/${id}`)]);
    expect(deleted.every(({ status }) => status === 204 || status === 404)).toBe(true);
    expect(await submit({ ...done, tags: ["twice"] }, key)).toBe(id);
    expect((await untilEnded(id)).status).toBe("completed");
  });

  test("stays gone when a row comes late, and leaves nothing in its object", async () => {
    const id = await submit(done);
    await untilEnded(id);
    await api("DELETE", `/tasks/${id}`);
    await env.DB.prepare("INSERT INTO tasks (tenant, id, seq, status, created_at, head) VALUES ('default', ?, 1, 'running', 0, '{}')")
      .bind(id)
      .run();
    await evictDurableObject(stubOf(id));
    clockAhead(LIMITS.deleteAgainMs);
    await runDurableObjectAlarm(stubOf(id));
    expect(await env.DB.prepare("SELECT id FROM tasks WHERE id = ?").bind(id).first()).toBeNull();
    expect(await runInDurableObject(stubOf(id), async (_, { storage }) => [await storage.getAlarm(), storage.kv.get("deleted")])).toEqual([
      null,
      undefined,
    ]);
  });

  test("has ended, or is refused and goes on", async () => {
    const id = await submit(waits);
    expect(await api("DELETE", `/tasks/${id}`)).toMatchObject({ status: 409, body: { code: "invalid_state", task_status: "waiting" } });
    await api("POST", `/tasks/${id}/signals/go`, {});
    expect((await untilEnded(id)).status).toBe("completed");
  });

  test("is nobody else's", async () => {
    const id = await submit(done);
    await untilEnded(id);
    const key = await api<{ key: string }>("POST", "/keys", { name: "other", tenant: "other", roles: ["admin"] });
    expect((await api("DELETE", `/tasks/${id}`, undefined, { authorization: `Bearer ${key.body.key}` })).status).toBe(404);
    expect((await api("GET", `/tasks/${id}`)).status).toBe(200);
  });
});

/** The end of an order: time passes in the pauses between its pages. */
async function untilCarriedOut(id: string): Promise<TaskView> {
  return vi.waitUntil(
    async () => {
      const task = await taskOf(id);
      if (task.finished_at !== null) return task;
      const until = Date.parse(task.steps.find(({ waiting_on }) => waiting_on?.type === "timer")?.waiting_on?.until ?? "");
      if (until > Date.now()) clockAhead(until - Date.now());
      await runDurableObjectAlarm(stubOf(id)).catch(() => false);
      return null;
    },
    { timeout: 20_000, interval: 20 },
  );
}

describe("a bulk order", () => {
  test("cancels what matches, page after page, and nothing else", { timeout: 60_000 }, async () => {
    const count = BULK.bulkPage + 20;
    const ids = await Promise.all(Array.from({ length: count }, () => submit({ ...waits, tags: ["many"] })));
    const other = await submit({ ...waits, tags: ["other"] });
    clockAhead(LIMITS.historyWaitMs);
    await untilListed("tag=many&status=waiting", count);
    const id = await submit({ type: "bulk", action: "cancel", filter: { tag: "many" }, reason: "not needed" });
    expect((await untilCarriedOut(id)).status).toBe("completed");
    expect(await resultOf(id)).toEqual({ seen: count, done: count, skipped: 0, failed: 0, errors: [] });
    for (const one of ids) expect((await api("GET", `/tasks/${one}/status`)).body["status"]).toBe("canceled");
    expect((await api("GET", `/tasks/${other}/status`)).body["status"]).toBe("waiting");
    const [pages] = (await taskOf(id)).steps;
    expect(pages?.branches?.completed).toBeGreaterThanOrEqual(5);
  });

  test("covers what was accepted before it although the process died before anybody heard of that, and stays open until then", async () => {
    const committed = vi.spyOn(HistoryProjection.prototype, "committed").mockImplementation(() => undefined);
    const untold = await submit({ ...waits, tags: ["untold"] });
    await abortAllDurableObjects();
    committed.mockRestore();
    const told = await submit({ ...waits, tags: ["untold"] });
    const order = await submit({ type: "bulk", action: "cancel", filter: { tag: "untold", status: "waiting" } });
    const newer = await vi.waitUntil(
      async () => ((await taskOf(told)).status === "canceled" ? submit({ ...waits, tags: ["untold"] }) : null),
      {
        timeout: 10_000,
        interval: 50,
      },
    );
    expect((await taskOf(untold)).status).toBe("waiting");
    expect((await taskOf(order)).status).toBe("waiting");
    clockAhead(LIMITS.againMs);
    await runDurableObjectAlarm(stubOf(untold));
    expect((await untilCarriedOut(order)).status).toBe("completed");
    expect(await resultOf(order)).toEqual({ seen: 2, done: 2, skipped: 0, failed: 0, errors: [] });
    expect((await taskOf(untold)).status).toBe("canceled");
    expect((await taskOf(newer)).status).toBe("waiting");
  });

  test("goes by who submitted them, too", async () => {
    const { body } = await api<{ id: string; key: string }>("POST", "/keys", { name: "ann", roles: ["operator"] });
    const [ours, theirs] = [
      await submit({ ...waits, tags: ["by"] }),
      await submit({ ...waits, tags: ["by"] }, { authorization: `Bearer ${body.key}` }),
    ];
    await untilListed("tag=by", 2);
    const filter = { tag: "by", by: `key:${body.id}`, created_before: new Date(Date.now() + 1).toISOString() };
    const order = await submit({ type: "bulk", action: "cancel", filter });
    expect((await untilCarriedOut(order)).status).toBe("completed");
    expect(await resultOf(order)).toMatchObject({ done: 1 });
    expect([(await taskOf(ours)).status, (await taskOf(theirs)).status]).toEqual(["waiting", "canceled"]);
  });

  test("deletes what has ended, and neither what has not nor itself", async () => {
    const ids = await Promise.all([1, 2, 3].map(() => submit({ ...done, tags: ["old"] })));
    const live = await submit({ ...waits, tags: ["old"] });
    await untilListed("tag=old&status=completed", 3);
    const id = await submit({ type: "bulk", input: { action: "delete", filter: { tag: "old" } }, tags: ["old"] });
    expect((await untilCarriedOut(id)).status).toBe("completed");
    expect(await resultOf(id)).toMatchObject({ seen: 3, done: 3 });
    for (const one of ids) expect((await api("GET", `/tasks/${one}`)).status).toBe(404);
    expect((await api("GET", `/tasks/${live}/status`)).body["status"]).toBe("waiting");
  });

  test("retries what has failed, each once, and not what its steps had started", async () => {
    await registerAgent("moody");
    agentsAnswer(() => Response.json({ code: "no", message: "not today" }, { status: 400 }));
    const child = { steps: [{ id: "ask", capability: "moody" }] };
    await api("PUT", "/workflows/asking", child);
    const failing = { workflow: { steps: [{ id: "sub", type: "workflow", workflow: "asking" }] }, tags: ["failing"] };
    const ids = await Promise.all([submit(failing), submit(failing)]);
    await Promise.all(ids.map(untilEnded));
    await untilListed("tag=failing&status=failed", 4);
    agentsAnswer(() => Response.json({ output: "fine" }));
    const order = await submit({ type: "bulk", action: "retry", filter: { tag: "failing" } });
    expect((await untilCarriedOut(order)).status).toBe("completed");
    expect(await resultOf(order)).toMatchObject({ done: 2, failed: 0 });
    await untilListed("tag=failing&status=completed", 4);
    const retried = (await listed("tag=failing&status=completed")).filter((head) => !("parent" in head));
    expect(new Set(retried.map((head) => (head as unknown as { forked_from: { task_id: string } }).forked_from.task_id))).toEqual(
      new Set(ids),
    );
  });

  test("passes over what has changed meanwhile", async () => {
    const id = await submit({ ...waits, tags: ["late"] });
    clockAhead(LIMITS.historyWaitMs);
    await untilListed("tag=late&status=waiting", 1);
    await registerAgent("slow");
    agentsAnswer(() => new Response(null, { status: 202 }));
    const order = await submit({ type: "bulk", action: "delete", filter: { tag: "late", status: "waiting" } });
    expect((await untilCarriedOut(order)).status).toBe("completed");
    expect(await resultOf(order)).toMatchObject({ seen: 1, done: 0, skipped: 1 });
    await untilStatus(id, "waiting");
  });

  test.each([
    [{ action: "explode" }, "/input/action"],
    [{}, "/input"],
    [{ action: "cancel", filter: { colour: "red" } }, "/input/filter"],
  ])("that makes no sense is refused: %j", async (input, pointer) => {
    const { status, body } = await api<{ errors: readonly { pointer: string }[] }>("POST", "/tasks", { type: "bulk", input });
    expect(status).toBe(400);
    expect(body.errors[0]?.pointer).toContain(pointer);
  });
});
