/** Drives the service as its callers do. Agents are answers to `fetch`; everything else is real. */
import { abortAllDurableObjects, listDurableObjectIds, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { EventView } from "../../src/tasks/views/event-view.ts";
import type { TaskHead } from "../../src/tasks/views/view.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";

export const ROOT_KEY = "root-key-of-the-tests-0123456789abcdef";
const BASE = "https://orchestrator.example/api/v1";

/** What an agent is asked, or the endpoint of a webhook: of that only what every request has means something. */
export interface Asked {
  readonly at: number;
  readonly url: URL;
  /** The body as it came. */
  readonly text: string;
  readonly key: string;
  readonly attempt: number;
  readonly taskId: string;
  readonly stepId: string;
  readonly input: unknown;
  readonly callbackUrl: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null;
}
type Answer = (asked: Asked) => Response | Promise<Response>;

/** Every call of an agent since the test began. */
export const calls: Asked[] = [];
let answer: Answer = () => Response.json({ output: null });

beforeEach(() => {
  calls.length = 0;
  answer = (asked) => Response.json({ output: { done: asked.stepId } });
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const text = await request.clone().text();
    const body = JSON.parse(text) as {
      task_id: string;
      step_id: string;
      attempt: number;
      input: unknown;
      context?: { callback_url: string };
    };
    const asked: Asked = {
      at: Date.now(),
      url: new URL(request.url),
      text,
      key: request.headers.get("idempotency-key") ?? "",
      attempt: body.attempt,
      taskId: body.task_id,
      stepId: body.step_id,
      input: body.input,
      callbackUrl: body.context?.callback_url ?? "",
      headers: request.headers,
      signal: init?.signal ?? null,
    };
    calls.push(asked);
    const { signal } = asked;
    if (signal === null) return answer(asked);
    return new Promise<Response>((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
      Promise.resolve(answer(asked)).then(resolve, reject);
    });
  });
});

afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await abortAllDurableObjects();
});

/** How agents answer from now on. */
export function agentsAnswer(by: Answer): void {
  answer = by;
}

/**
 * Holds agents back until the test opens it. They poll, because a promise that the test resolved would go on in the
 * test's context instead of the object's.
 */
export function gate(): { readonly open: () => void; readonly passed: () => Promise<void> } {
  let isOpen = false;
  return {
    open: () => {
      isOpen = true;
    },
    passed: async () => {
      while (!isOpen) await scheduler.wait(5);
    },
  };
}

/** A method as it is, for a test that delays it and then goes on with it. */
export function methodOf<T extends object, K extends keyof T>(prototype: T, name: K): T[K] {
  return prototype[name];
}

export interface ApiResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export async function api<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiResponse<T>> {
  const response = await exports.default.fetch(`${BASE}${path}`, {
    method,
    headers: { authorization: `Bearer ${ROOT_KEY}`, ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === "" ? null : JSON.parse(text)) as T };
}

export async function registerAgent(id: string, more: Record<string, unknown> = {}): Promise<void> {
  const { status, body } = await api("PUT", `/agents/${id}`, { url: `https://${id}.example/run`, capabilities: [id], ...more });
  expect([200, 201], JSON.stringify(body)).toContain(status);
}

export async function submit(body: Record<string, unknown>, headers: Record<string, string> = {}): Promise<string> {
  const answered = await api<TaskHead>("POST", "/tasks", body, headers);
  expect(answered.status, JSON.stringify(answered.body)).toBe(202);
  return answered.body.id;
}

export async function taskOf(id: string): Promise<TaskView> {
  return (await api<TaskView>("GET", `/tasks/${id}`)).body;
}

export async function eventsOf(id: string): Promise<readonly EventView[]> {
  return (await api<{ data: EventView[] }>("GET", `/tasks/${id}/events?limit=1000`)).body.data;
}

export function stubOf(id: string) {
  return env.TASKS.getByName(`default/${id}`);
}

export const ENDED = ["completed", "failed", "canceled", "timed_out", "rejected"];

/** Waits for the end, ringing the alarm when nothing else happens. */
export async function untilEnded(id: string): Promise<TaskView> {
  return vi.waitUntil(
    async () => {
      const task = await taskOf(id);
      if (ENDED.includes(task.status)) return task;
      await runDurableObjectAlarm(stubOf(id)).catch(() => false);
      return null;
    },
    { timeout: 15_000, interval: 20 },
  );
}

export async function untilStatus(id: string, status: string): Promise<TaskView> {
  return vi.waitUntil(
    async () => {
      const task = await taskOf(id);
      return task.status === status ? task : null;
    },
    { timeout: 10_000, interval: 10 },
  );
}

export async function resultOf(id: string): Promise<unknown> {
  return (await api<{ output: unknown }>("GET", `/tasks/${id}/result`)).body.output;
}

/** The clock of the object jumps ahead; timers do not. */
export function clockAhead(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

export async function objectCount(): Promise<number> {
  return (await listDurableObjectIds(env.TASKS)).length;
}
