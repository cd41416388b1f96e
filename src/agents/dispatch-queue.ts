/**
 * Attempts by queue: the object sends an address, a consumer claims the attempt, calls the agent and reports.
 *
 * Q1. A message carries ids only; the claim returns the input, and only while the attempt is wanted.
 * Q2. Messages of a batch run side by side, and each is acknowledged alone, after its report has landed.
 * Q3. What fails between claim and report comes again: the next delivery takes over the claim and repeats the call under
 *     the same idempotency key.
 */
import { z } from "zod";
import type { Json } from "../shared/json.ts";
import { log, messageOf } from "../shared/log.ts";
import type { AgentCall, CarriedCall, Outcome } from "./protocol.ts";

/** PERSISTED in the queue. `send` counts how often the object has sent the attempt. */
const dispatchMessage = z.object({
  v: z.literal(1),
  tenant: z.string(),
  task: z.string(),
  step: z.string(),
  attempt: z.int(),
  send: z.int(),
});
export type DispatchMessage = z.infer<typeof dispatchMessage>;

/** What a consumer needs of the object that owns the task. */
export interface Claims {
  /** `null` when the attempt is not wanted from this delivery. */
  readonly claim: (message: DispatchMessage, delivery: number) => Promise<CarriedCall | null>;
  readonly report: (message: DispatchMessage, outcome: Outcome) => Promise<void>;
  readonly call: (call: AgentCall) => Promise<Outcome>;
}

export async function consumeDispatches(messages: readonly Message[], claims: Claims): Promise<void> {
  await Promise.all(messages.map((message) => consume(message, claims)));
}

async function consume(message: Message, claims: Claims): Promise<void> {
  const parsed = dispatchMessage.safeParse(message.body);
  if (!parsed.success) {
    log("error", "dispatch message unreadable", { id: message.id });
    message.ack();
    return;
  }
  const dispatch = parsed.data;
  try {
    const call = await claims.claim(dispatch, deliveryNumber(dispatch.send, message.attempts));
    if (call !== null) await claims.report(dispatch, await claims.call(received(call)));
    message.ack();
  } catch (error) {
    log("warn", "dispatch failed, will come again", {
      task: dispatch.task,
      step: dispatch.step,
      attempt: dispatch.attempt,
      error: messageOf(error),
    });
    message.retry({ delaySeconds: Math.min(2 ** message.attempts, 60) });
  }
}

function received(call: CarriedCall): AgentCall {
  return { ...call, input: JSON.parse(new TextDecoder().decode(call.input)) as Json };
}

/** Grows with every sending and, within one sending, with every delivery by the queue. */
function deliveryNumber(send: number, queueAttempts: number): number {
  return send * 1_000 + Math.min(queueAttempts, 999);
}
