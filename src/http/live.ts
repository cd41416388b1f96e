/** What is read live, as server-sent events or as messages of a WebSocket. */
import { LIMITS } from "./limits.ts";
import { CLOSE_CONTINUE } from "../objects/feed.ts";
import { log, messageOf } from "../shared/log.ts";
import { EVENTS_PROTOCOL } from "./credentials.ts";

interface LiveItem {
  readonly seq: number;
  readonly type: string;
}

const PING_MS = 15_000;

/** A stream of `id: seq`, `event: type`, `data: {…}`; a comment now and then keeps idle connections open. */
export function eventStream(events: AsyncGenerator<LiveItem>, stop: AbortController): Response {
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<LiveItem>> | null = null;
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

/** A WebSocket that gets every event as a message and is closed after the last. `done` once nothing is left to tidy up. */
export function eventSocket(
  events: AsyncGenerator<LiveItem>,
  stop: AbortController,
  protocols: string | undefined,
): { readonly response: Response; readonly done: Promise<void> } {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.addEventListener("close", () => stop.abort());
  server.addEventListener("error", () => stop.abort());
  const isOffered = protocols?.split(",").some((protocol) => protocol.trim() === EVENTS_PROTOCOL) ?? false;
  const response = new Response(null, {
    status: 101,
    webSocket: client,
    headers: isOffered ? { "sec-websocket-protocol": EVENTS_PROTOCOL } : {},
  });
  return { response, done: send(events, server) };
}

/** A socket says nothing about what it still has to send, so one connection is sent a bounded amount. */
async function send(events: AsyncGenerator<LiveItem>, socket: WebSocket): Promise<void> {
  try {
    let sent = 0;
    for await (const event of events) {
      const message = JSON.stringify(event);
      socket.send(message);
      sent += message.length;
      if (sent > LIMITS.socketBytes) return socket.close(CLOSE_CONTINUE, "continue");
    }
    socket.close(1000, "ended");
  } catch (error) {
    log("info", "live reader lost", { error: messageOf(error) });
    socket.close(1011, "failed");
  }
}
