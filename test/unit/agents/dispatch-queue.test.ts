/** What a consumer of the queue does with an attempt: asks for it, says that it is there, and hangs up when nobody waits any more. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { LIMITS } from "../../../src/agents/limits.ts";
import { consumeDispatches } from "../../../src/agents/transports/dispatch-queue.ts";
import type { CarriedCall, Outcome } from "../../../src/agents/transports/protocol.ts";
import { jsonToBytes } from "../../../src/shared/json-bytes.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const call = { taskId: "task_1", stepId: "a", attempt: 1, input: jsonToBytes(7) } as unknown as CarriedCall;

/** One message, whose agent answers after `tookMs` unless it is hung up on; `isWanted`: what the task says, one time after the other. */
function consume(tookMs: number, isWanted: readonly (boolean | Error)[]) {
  const seen = { renewals: 0, isHungUp: false, reports: [] as Outcome[], ends: [] as string[] };
  const message = {
    id: "1",
    attempts: 1,
    body: { v: 1, tenant: "acme", task: "task_1", step: "a", attempt: 1, send: 1 },
    ack: () => void seen.ends.push("ack"),
    retry: () => void seen.ends.push("retry"),
  } as unknown as Message;
  const done = consumeDispatches([message], {
    claim: async () => ({ type: "call", call }),
    start: async () => ({ type: "go", inMs: 0 }),
    renew: async () => {
      const said = isWanted[seen.renewals++] ?? true;
      if (said instanceof Error) throw said;
      return said;
    },
    call: (_, { signal }) =>
      new Promise((resolve) => {
        setTimeout(() => resolve({ type: "completed", output: 1, bytes: 1 }), tookMs);
        signal.addEventListener("abort", () => {
          seen.isHungUp = true;
          resolve({ type: "failed", error: { code: "agent_unreachable", message: "aborted", retryable: true } });
        });
      }),
    report: async (_, outcome) => void seen.reports.push(outcome),
  });
  return { seen, done };
}

test("a call that is over soon costs no request more", async () => {
  const { seen, done } = consume(LIMITS.renewMs - 1, []);
  await vi.advanceTimersByTimeAsync(LIMITS.renewMs);
  await done;
  expect(seen).toMatchObject({ renewals: 0, reports: [{ type: "completed" }], ends: ["ack"] });
  await vi.advanceTimersByTimeAsync(10 * LIMITS.renewMs);
  expect(seen.renewals).toBe(0);
});

test("a call that takes long is said to be under way, and reported", async () => {
  const { seen, done } = consume(3.5 * LIMITS.renewMs, [true, new Error("the object is away"), true]);
  await vi.advanceTimersByTimeAsync(4 * LIMITS.renewMs);
  await done;
  expect(seen).toMatchObject({ renewals: 3, isHungUp: false, reports: [{ type: "completed" }], ends: ["ack"] });
});

test("a call that nobody waits for any more is hung up, and neither reported nor made again", async () => {
  const { seen, done } = consume(14 * 60_000, [true, false]);
  await vi.advanceTimersByTimeAsync(2 * LIMITS.renewMs);
  await done;
  expect(seen).toMatchObject({ renewals: 2, isHungUp: true, reports: [], ends: ["ack"] });
});
