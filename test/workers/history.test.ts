import {
  abortAllDurableObjects,
  createExecutionContext,
  createMessageBatch,
  createScheduledController,
  evictDurableObject,
  getQueueResult,
  runDurableObjectAlarm,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { describe, expect, test, vi } from "vitest";
import worker from "../../src/index.ts";
import { taskIdFromKey } from "../../src/shared/ids.ts";
import type { Submission } from "../../src/tasks/submission/submission.ts";
import { submissionFingerprint } from "../../src/tasks/submission/fingerprint.ts";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { archiveOf } from "../../src/tasks/history/archive.ts";
import { ArchiveStore } from "../../src/tasks/history/archive-store.ts";
import type { HistoryRow } from "../../src/tasks/history/port.ts";
import { Statements } from "../../src/tasks/history/statements.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { Journal } from "../../src/tasks/object/journal.ts";
import { HistoryProjection } from "../../src/tasks/object/history-projection.ts";
import { TaskRows, type TaskFilter } from "../../src/tasks/history/task-rows.ts";
import {
  agentsAnswer,
  api,
  clockAhead,
  eventsOf,
  gate,
  registerAgent,
  resultOf,
  stubOf,
  submit,
  taskOf,
  untilEnded,
  untilStatus,
} from "./harness.ts";
import { putAway } from "./recordings.ts";

const DAY_MS = 86_400_000;
const list = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

async function archived(id: string): Promise<void> {
  await vi.waitUntil(
    async () => {
      const events = await eventsOf(id);
      if (events.at(-1)?.type === "task.archived") return true;
      clockAhead(61_000);
      await runDurableObjectAlarm(stubOf(id)).catch(() => false);
      return false;
    },
    { timeout: 5_000, interval: 50 },
  );
}

/** The object forgets the task, as it does when its retention has ended. */
async function forgotten(id: string): Promise<void> {
  await archived(id);
  clockAhead(8 * DAY_MS);
  await runDurableObjectAlarm(stubOf(id));
  expect(
    await runInDurableObject(stubOf(id), (_, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name IN ('journal', 'payload')").toArray(),
    ),
  ).toEqual([]);
}

/** A member of a batch as the first release accepted it: under the id of the key `{key}/{index}`, and of the first rules. */
async function memberOfThen(key: string, body: { readonly workflow: object; readonly input: number }): Promise<string> {
  const task = taskIdFromKey("default", key);
  const stub = stubOf(task) as unknown as { readonly submit: (submission: Submission, waitMs: number) => Promise<unknown> };
  await stub.submit(
    {
      tenant: "default",
      task,
      type: null,
      workflow: { name: null, version: null },
      definition: JSON.stringify(body.workflow),
      input: body.input,
      priority: 5,
      tags: [],
      deadlineAt: null,
      queueTtlMs: 60_000,
      onNoAgent: "wait",
      failFast: false,
      fingerprint: submissionFingerprint(body),
      traceparent: `00-${"1".repeat(32)}-${"1".repeat(16)}-01`,
      origin: "https://example.test",
    },
    0,
  );
  return task;
}

test("a batch that the first release accepted is recognised when it comes again, while its tasks are there and afterwards", async () => {
  const body = { workflow: { steps: [{ id: "a", type: "transform", output: "${ input }" }] }, input: 1 };
  const id = await memberOfThen("of-then/0", body);
  const again = async (input: number): Promise<unknown[]> => {
    const { body: answer } = await api<{ data: { status: number; task?: { id: string }; problem?: { task_id: string } }[] }>(
      "POST",
      "/tasks/batch",
      { tasks: [{ ...body, input }] },
      { "idempotency-key": "of-then" },
    );
    return answer.data.map(({ status, task, problem }) => [status, task?.id ?? problem?.task_id]);
  };
  await untilEnded(id);
  expect([await again(1), await again(2)]).toEqual([[[202, id]], [[422, id]]]);
  await forgotten(id);
  expect([await again(1), await again(2)]).toEqual([[[202, id]], [[422, id]]]);

  // What came under such a key alone, now, is nobody's member.
  const plain = await submit({ ...body, input: 3 }, { "idempotency-key": "of-now/0" });
  await forgotten(plain);
  const { body: batch } = await api<{ data: { status: number; task: { id: string } }[] }>(
    "POST",
    "/tasks/batch",
    { tasks: [{ ...body, input: 3 }] },
    { "idempotency-key": "of-now" },
  );
  expect(batch.data[0]?.status).toBe(202);
  expect(batch.data[0]?.task.id).not.toBe(plain);
});

describe("archive", () => {
  test("everything a reader could ask of the object is still there when the object is gone", async () => {
    await registerAgent("worker");
    agentsAnswer(({ stepId }) => Response.json({ output: stepId === "large" ? "x".repeat(200_000) : { step: stepId } }));
    const id = await submit({
      workflow: {
        steps: [
          { id: "a", capability: "worker" },
          { id: "large", capability: "worker", needs: ["a"] },
          { id: "b", capability: "worker", needs: ["large"] },
        ],
        output: { b: "${ steps.b.output }", size: "${ size(steps.large.output) }" },
      },
      tags: ["kept"],
    });
    await untilEnded(id);
    await archived(id);
    const read = async () => ({
      task: await taskOf(id),
      status: (await api("GET", `/tasks/${id}/status`)).body,
      result: await resultOf(id),
      steps: (await api("GET", `/tasks/${id}/steps`)).body,
      large: (await api("GET", `/tasks/${id}/steps/large`)).body,
      events: (await eventsOf(id)).filter(({ type }) => type !== "task.archived"),
    });
    const before = await read();
    await forgotten(id);
    expect(await read()).toEqual(before);
    expect(before.result).toEqual({ b: { step: "b" }, size: 200_000 });
    // Nothing was put back into the object by reading.
    expect(
      await runInDurableObject(stubOf(id), (_, state) =>
        state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'journal'").toArray(),
      ),
    ).toEqual([]);
  });

  test("a large definition and text in any script are read back as they were", async () => {
    await registerAgent("worker");
    const text = "漢字と🙂".repeat(6_000);
    agentsAnswer(() => Response.json({ output: text }));
    const steps = Array.from({ length: 40 }, (_, index) => ({
      id: `s${index}`,
      capability: "worker",
      input: { note: "n".repeat(30_000) },
    }));
    const id = await submit({ workflow: { steps, output: "${ size(steps.s0.output) }" } });
    await untilEnded(id);
    await archived(id);
    const { results } = await env.DB.prepare("SELECT length(CAST(body AS BLOB)) AS bytes FROM archive_parts WHERE id = ?")
      .bind(id)
      .all<{ bytes: number }>();
    expect(results.length).toBeGreaterThan(2);
    for (const { bytes } of results) expect(bytes).toBeLessThanOrEqual(1_048_576);
    const before = await taskOf(id);
    await forgotten(id);
    expect(await taskOf(id)).toEqual(before);
    expect((await api(`GET`, `/tasks/${id}/steps/s39`)).body).toMatchObject({ output: text });
  });

  test("nothing is deleted before history has answered, and then only after the retention", async () => {
    const id = await submit({ type: "simple" });
    await untilEnded(id);
    const batch = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("D1_ERROR: overloaded"));
    clockAhead(100 * DAY_MS);
    await runDurableObjectAlarm(stubOf(id));
    expect((await eventsOf(id)).some(({ type }) => type === "task.archived")).toBe(false);
    batch.mockRestore();
    await archived(id);
    expect(await taskOf(id)).toMatchObject({ status: "completed" });
  });

  test("a task in history can no longer be steered, and its key is still remembered", async () => {
    const headers = { "idempotency-key": "remembered" };
    const id = await submit({ type: "simple", n: 1 }, headers);
    await untilEnded(id);
    await forgotten(id);
    expect(await api("POST", `/tasks/${id}/pause`)).toMatchObject({ status: 409, body: { task_status: "completed" } });
    expect(await api("POST", `/tasks/${id}/cancel`)).toMatchObject({ status: 409 });
    const again = await api<TaskHead>("POST", "/tasks", { type: "simple", n: 1 }, headers);
    expect(again).toMatchObject({ status: 202, body: { id, status: "completed" } });
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await api("POST", "/tasks", { type: "simple", n: 2 }, headers)).toMatchObject({ status: 422 });
  });

  test("a result too large for the archive is said to have expired", async () => {
    await registerAgent("worker");
    agentsAnswer(() => Response.json({ output: "x".repeat(1_500_000) }));
    const id = await submit({ workflow: { steps: [{ id: "a", capability: "worker" }] } });
    await untilEnded(id);
    await forgotten(id);
    expect(await api("GET", `/tasks/${id}/result`)).toMatchObject({ status: 410, body: { code: "result_expired" } });
    expect(await taskOf(id)).toMatchObject({ status: "completed" });
  });

  test("many that end together are put away by a few calls of D1, each as it is stored in its object", async () => {
    await registerAgent("worker");
    const ids = await Promise.all(list(40).map(() => submit({ workflow: { steps: [{ id: "a", capability: "worker" }] } })));
    const written = vi.spyOn(ArchiveStore.prototype, "write");
    for (const id of ids) await putAway(id);
    expect(written.mock.calls.length).toBeLessThan(ids.length / 2);
    expect(written.mock.calls.flatMap(([tasks]) => tasks.map(({ row }) => row.head.id)).toSorted()).toEqual(ids.toSorted());
    for (const id of ids.slice(0, 5)) {
      const { results } = await env.DB.prepare("SELECT body FROM archive_parts WHERE id = ?").bind(id).all<{ body: string }>();
      const stored = await runInDurableObject(stubOf(id), (_, { storage }) => archiveOf(new Journal(storage.sql)).parts[0]?.body ?? "");
      // What is recorded once it is stored is not in it.
      expect(stored.startsWith(results[0]?.body ?? "none")).toBe(true);
    }
  });

  test("a short task costs D1 few rows", async () => {
    const id = await submit({ type: "simple" });
    await untilEnded(id);
    const written: number[] = [];
    const real = env.DB.batch.bind(env.DB);
    vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      const results = await real(statements);
      written.push(...results.map(({ meta }) => meta.rows_written));
      return results;
    });
    await archived(id);
    expect(written.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(8);
  });
});

describe("rows", () => {
  const head = (id: string, status: TaskHead["status"], createdAt: string, more: Partial<TaskHead> = {}): TaskHead => ({
    id,
    type: null,
    workflow: { name: null, version: null },
    by: null,
    status,
    waiting_on: null,
    priority: 5,
    tags: [],
    created_at: createdAt,
    started_at: null,
    finished_at: null,
    deadline: null,
    error: null,
    ...more,
  });
  const row = (seq: number, of: TaskHead): HistoryRow => ({ v: 1, tenant: "rows", seq, head: of, waiting_for: null, fingerprint: null });
  const db = drizzle(env.DB);
  const rows = new TaskRows(db, new Statements(db));
  const at = "2026-01-01T00:00:00.000Z";

  test("arrive in any order and any number of times, and end the same", async () => {
    const history = [
      row(1, head("task_order", "running", at)),
      row(7, head("task_order", "waiting", at)),
      row(9, head("task_order", "completed", at)),
    ];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0, 2, 1],
    ]) {
      for (const index of order) await rows.write([history[index] as HistoryRow]);
      expect((await rows.find("rows", "task_order"))?.head.status).toBe("completed");
    }
  });

  test("the queue's consumer writes a batch at once and acknowledges it; what it cannot read it drops", async () => {
    const message = (id: string, body: unknown) => ({ id, timestamp: new Date(), attempts: 1, body });
    const batch = createMessageBatch("orchestrator-history", [
      message("1", row(1, head("task_q1", "running", at, { tags: ["t1"] }))),
      message("2", { nonsense: true }),
      message("3", row(2, head("task_q1", "paused", at, { tags: ["t1"] }))),
    ]);
    const context = createExecutionContext();
    await worker.queue(batch, env);
    expect((await getQueueResult(batch, context)).explicitAcks.toSorted()).toEqual(["1", "2", "3"]);
    expect((await rows.find("rows", "task_q1"))?.head.status).toBe("paused");
    expect((await rows.list("rows", { tag: "t1" }, null, 10)).map(({ id }) => id)).toEqual(["task_q1"]);
  });

  test("while D1 does not answer the messages come again", async () => {
    vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("D1_ERROR"));
    const batch = createMessageBatch("orchestrator-history", [
      { id: "1", timestamp: new Date(), attempts: 3, body: row(1, head("task_later", "running", at)) },
    ]);
    await worker.queue(batch, env);
    expect((await getQueueResult(batch, createExecutionContext())).retryMessages).toMatchObject([{ msgId: "1" }]);
  });

  test("what was given up ends in the log, not in a loop", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const batch = createMessageBatch("orchestrator-dead", [{ id: "1", timestamp: new Date(), attempts: 1, body: { any: "thing" } }]);
    await worker.queue(batch, env);
    expect((await getQueueResult(batch, createExecutionContext())).ackAll).toBe(true);
    expect(logged.mock.calls[0]?.[0]).toContain("message given up");
  });

  test("are listed newest first, filtered, page by page", async () => {
    const many = Array.from({ length: 7 }, (_, index) =>
      row(
        1,
        head(`task_p${index}`, index % 2 === 0 ? "completed" : "failed", `2026-02-0${index + 1}T00:00:00.000Z`, {
          type: index < 4 ? "one" : "two",
          tags: index === 3 ? ["red", "blue"] : ["blue"],
        }),
      ),
    );
    await rows.write(many.map((entry) => ({ ...entry, tenant: "pages" })));
    const list = async (filter: TaskFilter, limit = 100) =>
      (await rows.list("pages", filter, null, limit)).map(({ id }) => id.slice(-1)).join("");
    expect(await list({})).toBe("6543210");
    expect(await list({ status: "failed" })).toBe("531");
    expect(await list({ type: "one" })).toBe("3210");
    expect(await list({ tag: "red" })).toBe("3");
    expect(await list({ tag: "blue", status: "completed", type: "two" })).toBe("64");
    expect(await list({ createdAfter: Date.parse("2026-02-03T00:00:00Z"), createdBefore: Date.parse("2026-02-05T00:00:00Z") })).toBe("32");
    expect((await rows.list("pages", {}, { createdAt: Date.parse("2026-02-04T00:00:00Z"), id: "task_p3" }, 2)).map(({ id }) => id)).toEqual(
      ["task_p2", "task_p1"],
    );
    expect(await list({ tag: "green" })).toBe("");
    expect((await rows.list("nobody", {}, null, 10)).length).toBe(0);
  });

  test.each<[string, TaskFilter, string]>([
    ["nothing", {}, "tasks_by_time"],
    ["a status", { status: "failed" }, "tasks_by_status"],
    ["a type", { type: "x" }, "tasks_by_type"],
    ["a time", { createdAfter: 1, createdBefore: 2 }, "tasks_by_time"],
    ["a tag", { tag: "x" }, "task_tags"],
  ])("a list by %s reads an index, in order", async (_, filter, index) => {
    const { sql, params } = rows.listQuery("pages", filter, { createdAt: 5, id: "x" }, 10).toSQL();
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>();
    const plan = results.map(({ detail }) => detail).join("\n");
    expect(plan).toContain(index);
    expect(plan).toContain("SEARCH");
    expect(plan).not.toContain("SCAN");
    expect(plan).not.toContain("TEMP B-TREE");
  });
});

describe("what history is told of a live task", () => {
  const listed = async (id: string): Promise<TaskHead | undefined> =>
    (await api<{ data: TaskHead[] }>("GET", "/tasks?limit=1000")).body.data.find((task) => task.id === id);

  test("one that outlives a moment is listed while it runs, a waiting one with its reason, and at last its end", async () => {
    await registerAgent("slow");
    const hold = gate();
    agentsAnswer(async () => {
      await hold.passed();
      return Response.json({ output: 1 });
    });
    const id = await submit({
      workflow: {
        steps: [
          { id: "a", capability: "slow" },
          { id: "b", capability: "absent", needs: ["a"] },
        ],
      },
      tags: ["live"],
    });
    await vi.waitUntil(async () => (await listed(id))?.status === "running", { timeout: 10_000, interval: 100 });
    hold.open();
    await untilStatus(id, "waiting");
    clockAhead(15_000);
    await runDurableObjectAlarm(stubOf(id));
    await vi.waitUntil(async () => (await listed(id))?.waiting_on?.capability === "absent", { timeout: 10_000, interval: 100 });
    await registerAgent("absent");
    await untilEnded(id);
    await archived(id);
    expect((await api<{ data: TaskHead[] }>("GET", "/tasks?tag=live&status=completed")).body.data.map((task) => task.id)).toEqual([id]);
  });
});

describe("what history must know of a task that only people or a signal can move", () => {
  const asks = { id: "ask", type: "approval", title: "Pay?" };
  const hears = { id: "hear", type: "signal", name: "go" };
  const alarmOf = (id: string) => runInDurableObject(stubOf(id), (_, { storage }) => storage.getAlarm());
  const rowOf = (id: string) => env.DB.prepare("SELECT status FROM tasks WHERE id = ?").bind(id).first<{ status: string }>();

  /** The process dies right after the answer: nothing that follows from the commit leaves. */
  async function killedAfterAccepting(step: object): Promise<string> {
    const committed = vi.spyOn(HistoryProjection.prototype, "committed").mockImplementation(() => undefined);
    const id = await submit({ workflow: { steps: [step] } });
    await abortAllDurableObjects();
    committed.mockRestore();
    return id;
  }

  test("is owed until it is there, although the process dies right after the answer; then nothing wakes any more", async () => {
    const [waiting, asking] = [await killedAfterAccepting(hears), await killedAfterAccepting(asks)];
    const now = Date.now();
    for (const id of [waiting, asking]) {
      expect(await rowOf(id)).toBeNull();
      const alarmAt = await alarmOf(id);
      expect(alarmAt && alarmAt - now).toBeLessThanOrEqual(LIMITS.againMs);
    }
    clockAhead(LIMITS.againMs);
    for (const id of [waiting, asking]) await runDurableObjectAlarm(stubOf(id));
    for (const id of [waiting, asking]) {
      expect(await rowOf(id)).toEqual({ status: "waiting" });
      expect(await alarmOf(id)).toBeNull();
    }
    const { body } = await api<{ data: unknown[] }>("GET", `/approvals?task=${asking}`);
    expect(body.data).toMatchObject([{ status: "pending", title: "Pay?" }]);
    await evictDurableObject(stubOf(waiting));
    await taskOf(waiting);
    expect(await alarmOf(waiting)).toBeNull();
  });

  test("is written again and again, less and less often, while D1 does not take it, and spends nothing of the task's", async () => {
    const away = vi.spyOn(ArchiveStore.prototype, "writeRow").mockRejectedValue(new Error("D1_ERROR: away"));
    const id = await killedAfterAccepting(asks);
    const pauses: number[] = [];
    for (let tries = 0; tries < 7; tries++) {
      const at = (await alarmOf(id)) ?? 0;
      pauses.push(Math.round((at - Date.now()) / 1_000));
      clockAhead(Math.max(0, at - Date.now()));
      await runDurableObjectAlarm(stubOf(id));
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 600, 600]);
    expect((await taskOf(id)).status).toBe("waiting");
    away.mockRestore();
    clockAhead(10 * 60_000);
    await runDurableObjectAlarm(stubOf(id));
    expect(await rowOf(id)).toEqual({ status: "waiting" });
    expect(await alarmOf(id)).toBeNull();
  });

  test("is a decision as well, and a pause, of a task that it has known for long", async () => {
    const id = await killedAfterAccepting({ ...asks, quorum: 2 });
    clockAhead(LIMITS.againMs);
    await runDurableObjectAlarm(stubOf(id));
    const { body } = await api<{ data: { id: string }[] }>("GET", `/approvals?task=${id}`);
    for (const act of [
      () => api("POST", `/approvals/${body.data[0]?.id}/decide`, { decision: "approve" }),
      () => api("POST", `/tasks/${id}/pause`),
    ]) {
      const committed = vi.spyOn(HistoryProjection.prototype, "committed").mockImplementation(() => undefined);
      expect((await act()).status).toBe(200);
      committed.mockRestore();
      await abortAllDurableObjects();
      expect(await alarmOf(id)).not.toBeNull();
      clockAhead(LIMITS.againMs);
      await runDurableObjectAlarm(stubOf(id));
      expect(await alarmOf(id)).toBeNull();
    }
    expect(await rowOf(id)).toEqual({ status: "paused" });
    const after = await api<{ data: { decisions: unknown[] }[] }>("GET", `/approvals?task=${id}`);
    expect(after.body.data[0]?.decisions).toHaveLength(1);
  });
});

test("the purge deletes what is past the retention of history and nothing else", async () => {
  const id = await submit({ type: "simple" });
  await untilEnded(id);
  await archived(id);
  await forgotten(id);
  const purge = async (): Promise<void> => {
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController({ cron: "17 * * * *" }), env);
    await waitOnExecutionContext(context);
  };
  await purge();
  expect((await api("GET", `/tasks/${id}`)).status).toBe(200);
  await env.CACHE.delete(`archive/default/${id}`);
  clockAhead(100 * DAY_MS);
  await purge();
  expect((await api("GET", `/tasks/${id}`)).status).toBe(404);
  expect(
    (await env.DB.prepare("SELECT count(*) AS parts FROM archive_parts WHERE id = ?").bind(id).first<{ parts: number }>())?.parts,
  ).toBe(0);
});
