/**
 * What a worker that asks for work is answered.
 *
 * C1. Inputs go out as they came: parsed, those of one answer would fill the memory.
 * C2. A worker that has hung up gets no work. The platform tells of it where it can (`enable_request_signal`), and writing
 *     fails: so while the worker waits it is sent a space a second, which JSON allows before a value. It takes two of them
 *     to notice.
 * C3. What goes wrong once the answer has begun makes it one without work, after which a worker asks again.
 */
import { pulledWorkOf, type PulledCall } from "../transports/protocol.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";

/** A compressor would keep the spaces back until there is more. */
const UNCOMPRESSED = { "content-encoding": "identity", "cache-control": "no-store, no-transform" };

/** Work that is there already. */
export function claimAnswer(calls: readonly PulledCall[]): Response {
  const body = new ReadableStream<Uint8Array>({ start: (controller) => finish(controller, calls) });
  return new Response(body, { headers: { "content-type": "application/json" } });
}

/** Work that is waited for. `signal` is the request's; what `work` is given aborts once the worker has hung up. */
export function lateClaimAnswer(signal: AbortSignal, work: (gone: AbortSignal) => Promise<readonly PulledCall[]>): Response {
  const gone = new AbortController();
  signal.addEventListener("abort", () => gone.abort());
  const space = new TextEncoder().encode(" ");
  let beat: ReturnType<typeof setInterval> | undefined;
  const end = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const calls = await settled(work(gone.signal));
    clearInterval(beat);
    if (!gone.signal.aborted) finish(controller, calls);
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      beat = setInterval(() => controller.enqueue(space), LIMITS.claimBeatMs);
      void end(controller);
    },
    cancel: () => {
      clearInterval(beat);
      gone.abort();
    },
  });
  return new Response(body, { headers: { "content-type": "application/json", ...UNCOMPRESSED } });
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
