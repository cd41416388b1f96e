/**
 * Attempts by queue: the object sends an address, a consumer claims the attempt, calls the agent and reports.
 *
 * Q1. A message carries ids only; the claim returns the input, and only while the attempt is wanted.
 * Q2. Messages of a batch run side by side, and each is acknowledged alone, after its report has landed.
 * Q3. What fails between claim and report comes again: the next delivery takes over the claim and repeats the call under
 *     the same idempotency key.
 * Q4. What the agent's rate lets leave only after a while comes again shortly before that. It is asked about twice: by the
 *     claim, which does not happen then, and when the call is about to leave, which is what counts.
 * Q5. While a call is under way its consumer says now and then that it is there. It is told whether anybody still waits for
 *     the reply, and hangs up where nobody does; and one that is heard of no more is known to be dead.
 */
import { z } from "zod";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { redeliverySeconds } from "../../shared/backoff.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { StartAnswer } from "../object/admission.ts";
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

/** The call, or how long it should not be made yet. */
export type ClaimAnswer = { readonly type: "call"; readonly call: CarriedCall } | { readonly type: "later"; readonly inMs: number };

/** What a consumer needs of the object that owns the task. */
export interface Claims {
  /** `null` when the attempt is not wanted from this delivery. */
  readonly claim: (message: DispatchMessage, delivery: number) => Promise<ClaimAnswer | null>;
  /** The consumer is there still; whether it should be. */
  readonly renew: (message: DispatchMessage, delivery: number) => Promise<boolean>;
  readonly report: (message: DispatchMessage, outcome: Outcome) => Promise<void>;
}

/** … and of the agent. */
interface Calls extends Claims {
  /** When the call may leave, as it is about to. */
  readonly start: (message: DispatchMessage, call: AgentCall) => Promise<StartAnswer>;
  readonly call: (call: AgentCall, controller: AbortController) => Promise<Outcome>;
}

export async function consumeDispatches(messages: readonly Message[], claims: Calls): Promise<void> {
  await Promise.all(messages.map((message) => consume(message, claims)));
}

async function consume(message: Message, claims: Calls): Promise<void> {
  const parsed = dispatchMessage.safeParse(message.body);
  if (!parsed.success) {
    log("error", "dispatch message unreadable", { id: message.id });
    message.ack();
    return;
  }
  const dispatch = parsed.data;
  try {
    const delivery = deliveryNumber(dispatch.send, message.attempts);
    const claimed = await claims.claim(dispatch, delivery);
    if (claimed === null) return message.ack();
    if (claimed.type === "later") return comeAgain(message, claimed.inMs);
    const call = received(claimed.call);
    const { type, inMs } = await claims.start(dispatch, call);
    if (type === "later") return comeAgain(message, inMs);
    const controller = new AbortController();
    const stopRenewing = renewing(() => claims.renew(dispatch, delivery), controller);
    try {
      if (inMs > 0) await scheduler.wait(inMs);
      // Told to hang up meanwhile, it has nothing to report.
      const outcome = controller.signal.aborted ? null : await claims.call(call, controller);
      if (outcome !== null && !isUnwanted(controller)) await claims.report(dispatch, outcome);
    } finally {
      stopRenewing();
    }
    message.ack();
  } catch (error) {
    log("warn", "dispatch failed, will come again", {
      task: dispatch.task,
      step: dispatch.step,
      attempt: dispatch.attempt,
      error: messageOf(error),
    });
    message.retry({ delaySeconds: redeliverySeconds(message.attempts) });
  }
}

/** Why a consumer has hung up; a call that timed out is aborted, too. */
const UNWANTED = "nobody waits for the reply any more";

const isUnwanted = ({ signal }: AbortController): boolean => signal.reason === UNWANTED;

/** Until it is stopped. One that is not answered counts as a yes: whoever does not hear it asks no more than that. */
function renewing(renew: () => Promise<boolean>, controller: AbortController): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = (): void => {
    timer = setTimeout(() => void ask(), LIMITS.renewMs);
  };
  const ask = async (): Promise<void> => {
    const isWanted = await renew().catch(() => true);
    if (timer === undefined) return;
    if (isWanted) next();
    else controller.abort(UNWANTED);
  };
  next();
  return () => {
    clearTimeout(timer);
    timer = undefined;
  };
}

/** The queue counts in seconds, up to half a day. */
function comeAgain(message: Message, inMs: number): void {
  const delaySeconds = Math.ceil((inMs - LIMITS.startLeadMs) / 1_000);
  message.retry({ delaySeconds: Math.max(1, Math.min(delaySeconds, 43_200)) });
}

function received(call: CarriedCall): AgentCall {
  return { ...call, input: bytesToJson(call.input) };
}

/** Grows with every sending and, within one sending, with every delivery by the queue. */
function deliveryNumber(send: number, queueAttempts: number): number {
  return send * 1_000 + Math.min(queueAttempts, 999);
}
