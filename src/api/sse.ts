/** Server-sent events from whatever yields events. */
import type { EventView } from "../engine/event-view.ts";

const PING_MS = 15_000;

/** A stream of `id: seq`, `event: type`, `data: {…}`; a comment now and then keeps idle connections open. */
export function eventStream(events: AsyncGenerator<EventView>, stop: AbortController): Response {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<EventView>> | null = null;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(": following\n\n")),
    // Pulled, not pushed: a reader that does not keep up is not sent more than it takes.
    pull: async (controller) => {
      next ??= events.next();
      const silence = new AbortController();
      const ping = scheduler.wait(PING_MS, { signal: silence.signal }).then(
        () => null,
        () => null,
      );
      const result = await Promise.race([next, ping]);
      silence.abort();
      if (result === null) return controller.enqueue(encoder.encode(": ping\n\n"));
      next = null;
      if (result.done) return controller.close();
      const { seq, type } = result.value;
      controller.enqueue(encoder.encode(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(result.value)}\n\n`));
    },
    cancel: () => stop.abort(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" } });
}
