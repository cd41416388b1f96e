/** Workers that wait for work: hibernating WebSockets, so that nobody has to keep asking and the object may sleep. */
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";

/** What a waiting worker is sent: time to claim. */
export const WORK = "work";

export class ClaimFeed {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  /** Accepts a worker; `room` attempts may be claimed already. */
  accept(request: Request, room: number): Response {
    if (request.headers.get("upgrade") !== "websocket") return new Response("Expected a WebSocket", { status: 426 });
    if (this.#ctx.getWebSockets().length >= LIMITS.claimSockets) return new Response("Too many workers wait for work", { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    if (room > 0) {
      server.serializeAttachment(WORK);
      server.send(WORK);
    }
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Wakes as many workers as may claim something; each is woken once, and claims what it can. */
  announce(room: number): void {
    let left = room;
    for (const socket of this.#ctx.getWebSockets()) {
      if (left === 0) return;
      if (socket.readyState !== WebSocket.OPEN || socket.deserializeAttachment() === WORK) continue;
      try {
        socket.serializeAttachment(WORK);
        socket.send(WORK);
        left--;
      } catch (error) {
        log("info", "worker not woken", { error: messageOf(error) });
      }
    }
  }

  /** Whether a worker waits: as long as one does, its agent is there. */
  get isAwaited(): boolean {
    return this.#ctx.getWebSockets().some(({ readyState }) => readyState === WebSocket.OPEN);
  }

  close(): void {
    for (const socket of this.#ctx.getWebSockets()) socket.close(1000, "gone");
  }
}
