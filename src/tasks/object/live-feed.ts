/**
 * Live readers: hibernating WebSockets. A reader gets what it has missed and then every event as it is recorded; one that
 * only waits for the end gets the result. Nothing about a reader is kept beyond its socket's attachment.
 */
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import { isTerminal, type EventView } from "../views/event-view.ts";
import type { TaskReading } from "../journal/task-reading.ts";

/** What a reader wants. Survives hibernation with the socket. */
interface Attachment {
  readonly wants: "events" | "end";
}

/** The reader is too far behind for one connection: open another after the last event seen. */
export const CLOSE_CONTINUE = 4001;
export const CLOSE_ENDED = 1000;

export class LiveFeed {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** Accepts a reader of a task: `?after=<seq>` for events, `?wants=end` for the result alone. */
  accept(request: Request, reading: TaskReading): Response {
    if (this.#ctx.getWebSockets().length >= LIMITS.sockets) return new Response("Too many live readers of this task", { status: 503 });
    const { searchParams } = new URL(request.url);
    const wants = searchParams.get("wants") === "end" ? "end" : "events";
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [wants]);
    server.serializeAttachment({ wants } satisfies Attachment);
    if (wants === "end") this.#sendEnd(server, reading);
    else this.#replay(server, reading, Number(searchParams.get("after") ?? 0));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Hands new events to whoever reads. */
  publish(events: () => readonly EventView[], reading: TaskReading): void {
    const readers = this.#ctx.getWebSockets();
    if (readers.length === 0) return;
    let views: readonly EventView[] | undefined;
    for (const socket of readers) {
      if (socket.readyState !== WebSocket.OPEN) continue; // closed by one side, not yet by the other
      try {
        const { wants } = socket.deserializeAttachment() as Attachment;
        if (wants === "end") this.#sendEnd(socket, reading);
        else sendEvents(socket, (views ??= events()));
      } catch (error) {
        // What happened has been recorded; a reader that is gone changes nothing about it.
        log("info", "reader not told", { error: messageOf(error) });
      }
    }
  }

  /** Tells whoever still reads that there is nothing more to come. */
  close(): void {
    for (const socket of this.#ctx.getWebSockets()) socket.close(CLOSE_ENDED, "ended");
  }

  #sendEnd(socket: WebSocket, reading: TaskReading): void {
    const result = reading.result();
    if (result === null) return;
    socket.send(JSON.stringify(result));
    socket.close(CLOSE_ENDED, "ended");
  }

  #replay(socket: WebSocket, reading: TaskReading, after: number): void {
    let sent = 0;
    for (let position = after; ;) {
      const page = reading.events(position, LIMITS.defaultPageSize);
      for (const view of page) {
        sent += sendEvent(socket, view);
        position = view.seq;
        if (isTerminal(view.type)) return;
      }
      if (page.length < LIMITS.defaultPageSize) {
        if (reading.hasEnded()) socket.close(CLOSE_ENDED, "ended");
        return;
      }
      if (sent > LIMITS.replayBytes) return socket.close(CLOSE_CONTINUE, "continue");
    }
  }
}

function sendEvents(socket: WebSocket, views: readonly EventView[]): void {
  for (const view of views) sendEvent(socket, view);
}

/** The size of what was sent. */
function sendEvent(socket: WebSocket, view: EventView): number {
  const text = JSON.stringify(view);
  socket.send(text);
  if (isTerminal(view.type)) socket.close(CLOSE_ENDED, "ended");
  return text.length;
}
