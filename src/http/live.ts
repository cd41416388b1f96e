/** What is read live, as server-sent events or as messages of a WebSocket. */
import { LIMITS } from "./limits.ts";
import { CLOSE_CONTINUE } from "../objects/feed.ts";
import { FeedLost } from "../objects/follow.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { log, messageOf } from "../shared/log.ts";
import { EVENTS_PROTOCOL, NO_KEY } from "./credentials.ts";
import { TROUBLE } from "./problem.ts";
import type { Standing } from "./standing.ts";

interface LiveItem {
  readonly seq: number;
  readonly type: string;
}

/** What is read, by whom, and how it is stopped when they are gone. */
export interface Live {
  readonly events: AsyncGenerator<LiveItem>;
  readonly stop: AbortController;
  readonly standing: Standing;
}

/** Close codes of a WebSocket, beside those of a feed. */
const CLOSE_UNAUTHORIZED = 4003;
const CLOSE_AGAIN = 1013;

const PING_MS = 15_000;

/** Why the reading ends before the events do; `null` where they have ended. */
function cutShort({ standing }: Live, error: unknown): Rejection | null {
  if (standing.lapse() === "unauthorized") return rejection("unauthorized", NO_KEY);
  return standing.lapse() === "unavailable" || error instanceof FeedLost ? TROUBLE : null;
}

/**
 * A stream of `id: seq`, `event: type`, `data: {…}`; a comment now and then keeps idle connections open. Where it ends before
 * the events do, the last thing it says is `event: closed` with the reason.
 */
export function eventStream(live: Live): Response {
  const { events, stop, standing } = live;
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<LiveItem>> | null = null;
  const lapsed = new Promise<never>((_, reject) => standing.lapsed.addEventListener("abort", () => reject(new Error("lapsed"))));
  lapsed.catch(() => {});
  const leave = (): void => {
    standing.end();
    stop.abort();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode(": following\n\n")),
      // Pulled, not pushed: a reader that does not keep up is not sent more than it takes.
      pull: async (controller) => {
        next ??= events.next();
        const silence = new AbortController();
        const ping = scheduler.wait(PING_MS, { signal: silence.signal }).then(
          () => null,
          () => null,
        );
        try {
          const result = await Promise.race([lapsed, next, ping]);
          if (result === null) return controller.enqueue(encoder.encode(": ping\n\n"));
          next = null;
          if (!result.done) {
            const { seq, type } = result.value;
            return controller.enqueue(encoder.encode(`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify(result.value)}\n\n`));
          }
        } catch (error) {
          const reason = cutShort(live, error);
          if (reason === null) {
            leave();
            throw error;
          }
          const { code, detail, retryAfterMs } = reason;
          const again = retryAfterMs === undefined ? "" : `retry: ${LIMITS.readAgainMs}\n`;
          controller.enqueue(encoder.encode(`event: closed\n${again}data: ${JSON.stringify({ code, detail })}\n\n`));
        } finally {
          silence.abort();
        }
        leave();
        controller.close();
      },
      cancel: leave,
    },
    // Nothing is read ahead for whoever does not read.
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" } });
}

/** A WebSocket that gets every event as a message and is closed after the last. `done` once nothing is left to tidy up. */
export function eventSocket(
  live: Live | "over",
  protocols: string | undefined,
): { readonly response: Response; readonly done: Promise<void> } {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  const isOffered = protocols?.split(",").some((protocol) => protocol.trim() === EVENTS_PROTOCOL) ?? false;
  const response = new Response(null, {
    status: 101,
    webSocket: client,
    headers: isOffered ? { "sec-websocket-protocol": EVENTS_PROTOCOL } : {},
  });
  if (live !== "over") return { response, done: send(live, server) };
  server.close(1000, "ended");
  return { response, done: Promise.resolve() };
}

/** A socket says nothing about what it still has to send, so one connection is sent a bounded amount. */
async function send(live: Live, socket: WebSocket): Promise<void> {
  const { events, stop, standing } = live;
  for (const gone of ["close", "error"] as const) socket.addEventListener(gone, () => stop.abort());
  standing.lapsed.addEventListener("abort", () => {
    stop.abort();
    close(socket, cutShort(live, null));
  });
  try {
    let sent = 0;
    for await (const event of events) {
      if (standing.lapsed.aborted) return;
      const message = JSON.stringify(event);
      socket.send(message);
      sent += message.length;
      if (sent > LIMITS.socketBytes) return socket.close(CLOSE_CONTINUE, "continue");
    }
    if (!standing.lapsed.aborted) socket.close(1000, "ended");
  } catch (error) {
    log("info", "live reader lost", { error: messageOf(error) });
    if (!standing.lapsed.aborted) close(socket, cutShort(live, error));
  } finally {
    standing.end();
  }
}

function close(socket: WebSocket, reason: Rejection | null): void {
  if (reason === null) return socket.close(1011, "failed");
  if (reason.code === "unauthorized") socket.close(CLOSE_UNAUTHORIZED, "the key is expired or revoked");
  else socket.close(CLOSE_AGAIN, "try again later");
}
