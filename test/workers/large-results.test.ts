/** Outputs that are larger than one answer: read in chunks, and none before it is wanted. */
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Task } from "../../src/index.ts";
import { LIMITS } from "../../src/tasks/limits.ts";
import { api, methodOf, ROOT_KEY, stubOf, submit, untilEnded } from "./harness.ts";
import { archived, putAway } from "./recordings.ts";

const CHUNK = LIMITS.valueChunkBytes;
/** What a reader may hold, in chunks. */
const HELD = (1024 * 1024) / CHUNK;
/** Characters of every length in UTF-8, so that chunks end inside of them; a little over three MiB. */
const large = { text: "aé漢🎈\u0000".repeat(220_000), list: [1, { 7: "seven", a: null }] };
const largeText = JSON.stringify(large);
const workflow = { steps: [{ id: "made", type: "transform", output: "${ input }" }], output: "${ steps.made.output }" };

const get = (path: string): Promise<Response> =>
  exports.default.fetch(`https://orchestrator.example/api/v1${path}`, { headers: { authorization: `Bearer ${ROOT_KEY}` } });

/** All that is left to read. */
async function textOf(reader: ReadableStreamDefaultReader<Uint8Array>, read: Uint8Array[] = []): Promise<string> {
  for (let next = await reader.read(); !next.done; next = await reader.read()) read.push(next.value);
  return new Blob(read).text();
}

async function ended(input: unknown): Promise<string> {
  const id = await submit({ workflow, input });
  await untilEnded(id);
  return id;
}

/** The sizes of the chunks that a task's object was asked for. */
const asked: number[] = [];
beforeEach(() => {
  asked.length = 0;
  const valueChunk = methodOf(Task.prototype, "valueChunk");
  vi.spyOn(Task.prototype, "valueChunk").mockImplementation(async function (this: Task, ...args) {
    const chunk = await valueChunk.apply(this, args);
    asked.push(chunk?.byteLength ?? 0);
    return chunk;
  });
});

describe("a large output", () => {
  let id: string;
  beforeAll(async () => {
    id = await ended(large);
  });

  test("reads as if it had been made whole, wherever it is read", async () => {
    const chunks = Math.ceil(new TextEncoder().encode(largeText).byteLength / CHUNK);
    const result = `{"status":"completed","output":${largeText},"error":null}`;
    for (const path of [`/tasks/${id}/result`, `/tasks/${id}/result?wait=1s`]) {
      asked.length = 0;
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toBe("application/json");
      expect((await response.text()) === result, path).toBe(true);
      expect(asked).toHaveLength(chunks);
      expect(Math.max(...asked)).toBeLessThanOrEqual(CHUNK);
    }
    const step = await (await get(`/tasks/${id}/steps/made`)).text();
    const { output: _, ...view } = JSON.parse(step) as Record<string, unknown>;
    expect(step === `${JSON.stringify(view).slice(0, -1)},"output":${largeText}}`).toBe(true);
  });

  test("comes with the submission that waits for it, too", async () => {
    const response = await exports.default.fetch("https://orchestrator.example/api/v1/tasks?wait=30s", {
      method: "POST",
      headers: { authorization: `Bearer ${ROOT_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({ workflow, input: large }),
    });
    expect([response.status, response.headers.get("location")]).toEqual([200, expect.stringContaining("/api/v1/tasks/task_")]);
    const task = response.headers.get("location")?.split("/").at(-1);
    expect((await response.text()) === `{"id":"${task}","status":"completed","output":${largeText},"error":null}`).toBe(true);
    expect(asked.length).toBeGreaterThan(1);
  });

  test("is read no further ahead than its reader may hold", async () => {
    const response = await get(`/tasks/${id}/result`);
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    await reader.read();
    for (let others = 0; others < 20; others++) await api("GET", `/tasks/${id}/status`);
    expect(asked.length).toBeLessThanOrEqual(HELD);
    for (let taken = 0, done = false; !done;) {
      const read = await reader.read();
      done = read.done;
      taken += read.value?.byteLength ?? 0;
      expect(asked.reduce((sum, bytes) => sum + bytes, 0) - taken).toBeLessThanOrEqual(HELD * CHUNK);
    }
  });

  test("goes on where its object was reset meanwhile", async () => {
    const response = await get(`/tasks/${id}/result`);
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    const first = await reader.read();
    await abortAllDurableObjects();
    const text = await textOf(reader, [first.value as Uint8Array]);
    expect(text === `{"status":"completed","output":${largeText},"error":null}`).toBe(true);
  });

  test("breaks off, and never seems to be whole, where its task is deleted meanwhile, although another has its id", async () => {
    const submission = { workflow, input: large };
    const task = await submit(submission, { "idempotency-key": "twice" });
    await untilEnded(task);
    const response = await get(`/tasks/${task}/result`);
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    await reader.read();
    expect((await api("DELETE", `/tasks/${task}`)).status).toBe(204);
    expect(await submit(submission, { "idempotency-key": "twice" })).toBe(task);
    await untilEnded(task);
    await expect(textOf(reader)).rejects.toThrow();
  });
});

test("an output that fits one chunk costs no request more", async () => {
  const small = "x".repeat(CHUNK - 2);
  const id = await ended(small);
  expect((await (await get(`/tasks/${id}/result`)).text()) === `{"status":"completed","output":"${small}","error":null}`).toBe(true);
  expect((await get(`/tasks/${id}/steps/made`)).status).toBe(200);
  expect(asked).toEqual([]);
});

test("what history keeps of a task has its output as before; one that was left behind is gone, also for who waits", async () => {
  const [kept, left] = [await ended("x".repeat(CHUNK * 2)), await ended(large)];
  for (const id of [kept, left]) await putAway(id);
  for (const id of [kept, left]) await archived(id);
  expect((await (await get(`/tasks/${kept}/result`)).text()).length).toBe(
    `{"status":"completed","output":"","error":null}`.length + CHUNK * 2,
  );
  for (const path of [`/tasks/${left}/result`, `/tasks/${left}/result?wait=1s`]) {
    const response = await get(path);
    expect([response.status, await response.json()]).toMatchObject([410, { code: "result_expired" }]);
  }
});

test("steps that each wrap a large value take a turn each, so that others are answered in between", async () => {
  const steps = [0, 1, 2].map((index) => ({ id: `s${index}`, type: "transform", output: ["${ input.text }", index] }));
  const id = await submit({ workflow: { steps, output: 1 }, input: { text: "a".repeat(10 * 1024 * 1024) } });
  expect(await untilEnded(id)).toMatchObject({ status: "completed" });
  const completed = await runInDurableObject(stubOf(id), (_, { storage }) =>
    storage.sql
      .exec<{ events: string }>("SELECT events FROM journal ORDER BY seq")
      .toArray()
      .map(({ events }) => events.split('"type":"step.completed"').length - 1),
  );
  expect(completed.filter((count) => count > 0)).toEqual([1, 1, 1]);
});
