/** Workers that wait for work: hibernating WebSockets, so that nobody has to keep asking and the object may sleep. */
import { Sockets } from "../../objects/sockets.ts";
import { LIMITS } from "../limits.ts";

/** What a waiting worker is sent: time to claim. */
export const WORK = "work";

export class ClaimFeed {
  /** Who has been woken, and will claim. */
  readonly #sockets: Sockets<typeof WORK | null>;

  constructor(ctx: DurableObjectState) {
    this.#sockets = new Sockets(ctx, LIMITS.claimSockets, "Too many workers wait for work");
  }

  /** Accepts a worker; `room` attempts may be claimed already. */
  accept(request: Request, room: number): Response {
    if (request.headers.get("upgrade") !== "websocket") return new Response("Expected a WebSocket", { status: 426 });
    return this.#sockets.accept(room > 0 ? WORK : null, (socket) => {
      if (room > 0) socket.send(WORK);
    });
  }

  /** Wakes as many workers as may claim something; each is woken once, and claims what it can. */
  announce(room: number): void {
    let left = room;
    this.#sockets.tell((socket, attached) => {
      if (left === 0) return false;
      if (attached === WORK) return true;
      socket.serializeAttachment(WORK);
      socket.send(WORK);
      return --left > 0;
    });
  }

  /** Whether a worker waits: as long as one does, its agent is there. */
  get isAwaited(): boolean {
    return this.#sockets.isAwaited;
  }

  close(): void {
    this.#sockets.close(1000, "gone");
  }
}
