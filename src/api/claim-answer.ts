/** What a worker that asks for work is answered. Inputs go out as they came: parsed, those of one answer would fill the memory. */
import { pulledWorkOf, type PulledCall } from "../agents/protocol.ts";

export function claimAnswer(calls: readonly PulledCall[]): Response {
  const encoder = new TextEncoder();
  const now = Date.now();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(encoder.encode('{"attempts":['));
      calls.forEach((call, index) => {
        if (index > 0) controller.enqueue(encoder.encode(","));
        for (const part of pulledWorkOf(call, now)) controller.enqueue(part);
      });
      controller.enqueue(encoder.encode("]}"));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/json" } });
}
