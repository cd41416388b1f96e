/** Submissions that come in a burst and are one task: with real objects, which die in between. */
import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { newTaskId } from "../../src/shared/ids.ts";
import { api, calls, clockAhead, eventsOf, registerAgent, resultOf, stubOf, submit, taskOf, untilEnded } from "./harness.ts";

const WORK = { steps: [{ id: "a", capability: "worker", input: "${ input.n }" }] };
const burst = (key: string, n: number, more: Record<string, unknown> = {}) => ({
  workflow: WORK,
  input: { n },
  debounce: { key: `"${key}"`, for: "1h", max: "3h", ...more },
});
const HOUR = 3_600_000;
const keyStub = (key: string) => env.GATES.getByName(`default/${key}`);
const inputsOfCalls = () => calls.map(({ input }) => input);

beforeEach(() => registerAgent("worker"));

describe("a burst of submissions", () => {
  test("is one task with the last input, whose end moves with each", async () => {
    const first = await api<TaskHead>("POST", "/tasks", burst("one", 1));
    expect(first).toMatchObject({
      status: 202,
      body: { status: "queued", waiting_on: { type: "debounce", key: "one" }, started_at: null },
    });
    clockAhead(HOUR / 2);
    const second = await api<TaskHead>("POST", "/tasks", burst("one", 2));
    expect([second.status, second.body.id]).toEqual([202, first.body.id]);
    expect(second.headers.get("location")).toBe(first.headers.get("location"));
    expect(Date.parse(second.body.waiting_on?.until ?? "") - Date.parse(first.body.waiting_on?.until ?? "")).toBeGreaterThanOrEqual(
      HOUR / 2,
    );
    clockAhead(HOUR / 2 + 1_000);
    await runDurableObjectAlarm(stubOf(first.body.id));
    expect(await taskOf(first.body.id)).toMatchObject({ status: "queued" });
    clockAhead(HOUR / 2);
    expect(await untilEnded(first.body.id)).toMatchObject({ status: "completed" });
    expect(inputsOfCalls()).toEqual([2]);
    const next = await api<TaskHead>("POST", "/tasks", burst("one", 3));
    expect([next.status, next.body.status]).toEqual([202, "queued"]);
    expect(next.body.id).not.toBe(first.body.id);
  });

  test("is one task however many race, and one call", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => api<TaskHead>("POST", "/tasks", burst("race", n))));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 202));
    const ids = new Set(answers.map(({ body }) => body.id));
    expect(ids.size).toBe(1);
    const [id = ""] = ids;
    await api("POST", "/tasks", burst("race", 99));
    expect((await eventsOf(id)).filter(({ type }) => type === "task.replaced")).toHaveLength(20);
    clockAhead(HOUR + 1_000);
    await untilEnded(id);
    expect(inputsOfCalls()).toEqual([99]);
  });

  test("is one task although everything dies in between, again and again", async () => {
    const ids = new Set<string>();
    const answered = async (n: number): Promise<void> => {
      const { status, body } = await api<TaskHead>("POST", "/tasks", burst("dying", n));
      expect([202, 503], JSON.stringify(body)).toContain(status);
      if (status === 503) return answered(n);
      ids.add(body.id);
    };
    for (let round = 0; round < 5; round++) {
      const racing = Array.from({ length: 6 }, (_, n) => answered(round * 10 + n));
      await evictDurableObject(keyStub("dying")).catch(() => undefined);
      await abortAllDurableObjects();
      await Promise.all(racing);
    }
    await answered(1_000);
    expect(ids.size).toBe(1);
    const [id = ""] = ids;
    clockAhead(HOUR + 1_000);
    await untilEnded(id);
    expect(inputsOfCalls()).toEqual([1_000]);
  });

  test("lasts no longer than max", async () => {
    const id = await submit(burst("long", 1, { max: "90m" }));
    clockAhead(HOUR - 60_000);
    expect(await submit(burst("long", 2, { max: "90m" }))).toBe(id);
    clockAhead(HOUR / 2 + 61_000);
    // Nobody has noticed yet that it is over: another one is of the next burst all the same.
    const next = await submit(burst("long", 3, { max: "90m" }));
    expect(next).not.toBe(id);
    await untilEnded(id);
    expect(inputsOfCalls()).toEqual([2]);
  });

  test("is over when its task is canceled, also when it is deleted and its word was lost", async () => {
    const id = await submit(burst("canceled", 1));
    await api("POST", `/tasks/${id}/cancel`, {});
    const second = await submit(burst("canceled", 2));
    expect(second).not.toBe(id);
    await api("POST", `/tasks/${second}/cancel`, {});
    await api("DELETE", `/tasks/${second}`);
    // As if its key still named it.
    const latestAt = Date.now() + HOUR;
    const named = { tenant: "default", key: "canceled" };
    await runInDurableObject(keyStub("canceled"), (_, { storage }) => storage.kv.put("burst", { task: second, latestAt }));
    const third = await submit(burst("canceled", 3));
    expect([id, second]).not.toContain(third);
    expect(await keyStub("canceled").burst(named, { task: "task_other", latestAt }, null)).toMatchObject({ task: third });
    clockAhead(HOUR + 1_000);
    await untilEnded(third);
    expect(inputsOfCalls()).toEqual([3]);
  });

  test("goes on under the name of a task that never came to be, no longer than that would have", async () => {
    const task = newTaskId("default", Date.now());
    const latestAt = Date.now() + HOUR / 2;
    await keyStub("orphan").burst({ tenant: "default", key: "orphan" }, { task, latestAt }, null);
    const { body } = await api<TaskHead>("POST", "/tasks", burst("orphan", 1));
    expect(body).toMatchObject({ id: task, waiting_on: { until: new Date(latestAt).toISOString() } });
    expect(await submit(burst("orphan", 2))).toBe(task);
    clockAhead(HOUR / 2 + 1_000);
    await untilEnded(task);
    expect(inputsOfCalls()).toEqual([2]);
  });

  test("is another tenant's own under the same key", async () => {
    const made = await api<{ key: string }>("POST", "/keys", { name: "theirs", roles: ["admin"], tenant: "acme" });
    const mine = await submit(burst("shared", 1));
    const { body } = await api<TaskHead>("POST", "/tasks", burst("shared", 2), { authorization: `Bearer ${made.body.key}` });
    expect(body.id).not.toBe(mine);
    expect((await eventsOf(mine)).some(({ type }) => type === "task.replaced")).toBe(false);
  });

  test("has values of any size, and a retry has the last", async () => {
    const workflow = { steps: [{ id: "a", capability: "worker", input: "${ input.text.size() }" }], output: "${ input.text.size() }" };
    const of = (length: number) => ({ workflow, input: { text: "x".repeat(length) }, debounce: { key: '"large"', for: "1h" } });
    const id = await submit(of(300_000));
    expect(await submit(of(200_000))).toBe(id);
    await abortAllDurableObjects();
    clockAhead(HOUR + 1_000);
    await untilEnded(id);
    expect(await resultOf(id)).toBe(200_000);
    const fork = await api<TaskHead>("POST", `/tasks/${id}/fork`, { from: { step: "a" } });
    expect(fork.status, JSON.stringify(fork.body)).toBe(202);
    await untilEnded(fork.body.id);
    expect(await resultOf(fork.body.id)).toBe(200_000);
  });

  test("leaves nothing behind in its key's object", async () => {
    const id = await submit(burst("gone", 1));
    clockAhead(HOUR + 1_000);
    await untilEnded(id);
    await vi.waitUntil(async () => {
      clockAhead(4 * HOUR);
      await runDurableObjectAlarm(stubOf(id));
      await runDurableObjectAlarm(keyStub("gone"));
      return runInDurableObject(
        keyStub("gone"),
        async (_, { storage }) => [...storage.kv.list()].length === 0 && (await storage.getAlarm()) === null,
      );
    });
  });

  test("stands before a gate when it is over", async () => {
    const body = { ...burst("both", 1), concurrency: { key: '"both"', limit: 1 } };
    const id = await submit(body);
    expect(await submit(body)).toBe(id);
    clockAhead(HOUR + 1_000);
    expect(await untilEnded(id)).toMatchObject({ status: "completed" });
    expect((await eventsOf(id)).filter(({ type }) => type === "task.queued" || type === "task.admitted")).toHaveLength(3);
  });
});

describe("a submission with debounce", () => {
  test("is refused where another kind of task waits under its key, which stays as it is", async () => {
    const id = await submit(burst("kinds", 1));
    const workflow = { steps: [{ id: "b", capability: "worker" }] };
    const other = await api("POST", "/tasks", { ...burst("kinds", 2), workflow });
    expect(other).toMatchObject({ status: 409, body: { code: "debounce_conflict", task_id: id, key: "kinds", retryable: true } });
    const gated = await api("POST", "/tasks", { ...burst("kinds", 2), concurrency: { key: '"x"', limit: 1 } });
    expect(gated).toMatchObject({ status: 409, body: { code: "debounce_conflict" } });
    expect((await eventsOf(id)).some(({ type }) => type === "task.replaced")).toBe(false);
  });

  test("is refused with what would contradict it", async () => {
    const refused = async (body: Record<string, unknown>, headers = {}) => {
      const { status, body: problem } = await api<{ errors: { pointer: string }[] }>("POST", "/tasks", body, headers);
      return [status, problem.errors[0]?.pointer];
    };
    expect(await refused(burst("no", 1), { "idempotency-key": "k" })).toEqual([400, "/debounce"]);
    expect(await refused({ ...burst("no", 1), start_at: "1h" })).toEqual([400, "/debounce"]);
    expect(await refused({ ...burst("no", 1), concurrency: { key: '"x"', limit: 1, overlap: "reject" } })).toEqual([400, "/debounce"]);
    expect(await refused({ ...burst("no", 1), deadline: "30m" })).toEqual([400, "/debounce/for"]);
    expect(await refused(burst("no", 1, { max: "30m" }))).toEqual([400, "/debounce/max"]);
    expect(await refused(burst("no", 1, { for: "8d", max: "8d" }))).toEqual([400, "/debounce/for"]);
    expect(await refused({ ...burst("no", 1), debounce: { key: "input.none", for: "1h" } })).toEqual([400, "/debounce/key"]);
    const schedule = await api<{ errors: { pointer: string }[] }>("PUT", "/schedules/bursts", { every: "1h", task: burst("no", 1) });
    expect([schedule.status, schedule.body.errors[0]?.pointer]).toEqual([400, "/task/debounce"]);
  });

  test("is one of a batch", async () => {
    const { body } = await api<{ data: { status: number; task: TaskHead }[] }>("POST", "/tasks/batch", {
      tasks: [burst("batch", 1), burst("batch", 2), burst("other", 3)],
    });
    expect(body.data.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(body.data.map(({ task }) => task.id)).size).toBe(2);
  });

  test("begins another burst when the task has as many facts as it may, which then has what it got", async () => {
    const ids = new Set<string>();
    const size = LIMITS.batchTasks;
    for (let n = 0; n <= LIMITS.debounceFacts; n += size) {
      const tasks = Array.from({ length: size }, (_, index) => burst("full", n + index));
      const { body } = await api<{ data: { status: number; task: TaskHead }[] }>("POST", "/tasks/batch", { tasks });
      for (const { status, task } of body.data) {
        expect(status).toBe(202);
        ids.add(task.id);
      }
    }
    expect(ids.size).toBe(2);
    const [full = ""] = ids;
    expect((await eventsOf(full)).length).toBe(LIMITS.debounceFacts);
  });

  test("may wait for the result", async () => {
    const answers = await Promise.all(
      [1, 2].map((n) => api<{ id: string; status: string }>("POST", "/tasks?wait=10s", burst("wait", n, { for: "200ms", max: "1s" }))),
    );
    expect(answers.map(({ status, body }) => [status, body.status])).toEqual([
      [200, "completed"],
      [200, "completed"],
    ]);
    expect(calls).toHaveLength(1);
  });
});
