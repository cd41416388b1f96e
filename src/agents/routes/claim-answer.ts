/**
 * What a worker that asks for work is answered.
 *
 * C1. Inputs go out as they came: parsed, those of one answer would fill the memory.
 * C2. A worker that has hung up gets no work. The platform tells of it where it can (`enable_request_signal`), and writing
 *     fails: so while the worker waits it is sent a space a second, which JSON allows before a value. It takes two of them
 *     to notice, so that two are sent before any work is taken, and an answer that cannot be written gives its work back.
 * C3. What goes wrong once the answer has begun makes it one without work, after which a worker asks again.
 */
import { pulledWorkOf, type PulledCall } from "../transports/protocol.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";

/** A compressor would keep the spaces back until there is more. */
const UNCOMPRESSED = { "content-encoding": "identity", "cache-control": "no-store, no-transform" };

/** Work that nobody was there to take. Never throws. */
export type GiveBack = (calls: readonly PulledCall[]) => void;

/** Work that is there already. */
export function claimAnswer(calls: readonly PulledCall[], giveBack: GiveBack): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => finish(controller, calls),
    cancel: () => giveBack(calls),
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

/** Work that is waited for. `signal` is the request's; `ended` resolves when nothing of it is left to do. */
export function lateClaimAnswer(
  signal: AbortSignal,
  work: (worker: Worker) => Promise<readonly PulledCall[]>,
  giveBack: GiveBack,
): { readonly answer: Response; readonly ended: Promise<void> } {
  const gone = new AbortController();
  signal.addEventListener("abort", () => gone.abort());
  const space = new TextEncoder().encode(" ");
  let beat: ReturnType<typeof setInterval> | undefined;
  let answered: readonly PulledCall[] = [];
  const end = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const isThere = async (): Promise<boolean> => {
      for (let times = 0; times < 2 && !gone.signal.aborted; times++) {
        controller.enqueue(space);
        await scheduler.wait(LIMITS.claimProbeMs);
      }
      return !gone.signal.aborted;
    };
    const calls = await settled(work({ gone: gone.signal, isThere }));
    clearInterval(beat);
    if (gone.signal.aborted) return giveBack(calls);
    answered = calls;
    finish(controller, calls);
  };
  const { promise: ended, resolve: hasEnded } = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      beat = setInterval(() => controller.enqueue(space), LIMITS.claimBeatMs);
      hasEnded(end(controller));
    },
    cancel: () => {
      clearInterval(beat);
      gone.abort();
      giveBack(answered);
    },
  });
  return { answer: new Response(body, { headers: { "content-type": "application/json", ...UNCOMPRESSED } }), ended };
}

/** Who waits for work. `isThere`: it is written to, to find out. */
export interface Worker {
  readonly gone: AbortSignal;
  readonly isThere: () => Promise<boolean>;
}

async function settled(work: Promise<readonly PulledCall[]>): Promise<readonly PulledCall[]> {
  try {
    return await work;
  } catch (error) {
    log("warn", "claim given up while waiting", { error: messageOf(error) });
    return [];
  }
}

function finish(controller: ReadableStreamDefaultController<Uint8Array>, calls: readonly PulledCall[]): void {
  const encoder = new TextEncoder();
  const now = Date.now();
  controller.enqueue(encoder.encode('{"attempts":['));
  calls.forEach((call, index) => {
    if (index > 0) controller.enqueue(encoder.encode(","));
    for (const part of pulledWorkOf(call, now)) controller.enqueue(part);
  });
  controller.enqueue(encoder.encode("]}"));
  controller.close();
}
