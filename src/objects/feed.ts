/**
 * A feed: what an object records, live. A reader gets what it has missed and then every item as it is recorded; one that
 * only waits for the end gets the outcome.
 */
import { LIMITS } from "./limits.ts";
import { Sockets } from "./sockets.ts";

export interface FeedItem {
  /** Items are numbered in their order. */
  readonly seq: number;
}

/** What is read, as it stands. */
export interface FeedSource<Item extends FeedItem> {
  /** Up to `limit` items after number `seq`, in order. */
  readonly events: (seq: number, limit: number) => readonly Item[];
  readonly hasEnded: () => boolean;
  /** The number of its last item, after which no reader waits for anything; `null` while there may be more. */
  readonly lastSeq: () => number | null;
  /** What it came to; `null` before it has ended. `apart`: what is too large for a message may be left out, to be read by itself. */
  readonly result: (apart: boolean) => unknown;
}

/** PERSISTED while the socket is open: what a reader wants. */
interface Attached {
  readonly wants: "events" | "end";
  readonly apart?: true;
}

/** The reader is too far behind for one connection: open another after the last item seen. */
export const CLOSE_CONTINUE = 4001;
export const CLOSE_ENDED = 1000;

export class Feed<Item extends FeedItem> {
  readonly #sockets: Sockets<Attached>;
  readonly #isLast: (item: Item) => boolean;

  /** `isLast`: no reader waits for what comes after it. */
  constructor(ctx: DurableObjectState, isLast: (item: Item) => boolean) {
    this.#sockets = new Sockets(ctx, LIMITS.sockets, "Too many live readers");
    this.#isLast = isLast;
  }

  /** Accepts a reader: `?after=<seq>` for items, `?wants=end` for the outcome alone, with `apart=1` without what is too large in it. */
  accept(request: Request, source: FeedSource<Item>): Response {
    const { searchParams } = new URL(request.url);
    const wants = searchParams.get("wants") === "end" ? "end" : "events";
    const after = Number(searchParams.get("after") ?? 0);
    if (wants === "events" && after >= (source.lastSeq() ?? Number.POSITIVE_INFINITY)) return new Response(null, { status: 204 });
    const apart = searchParams.get("apart") === "1";
    return this.#sockets.accept({ wants, ...(apart && { apart }) }, (socket) => {
      if (wants === "end") sendEnd(socket, source, apart);
      else this.#catchUp(socket, source, after);
    });
  }

  /** Hands new items to whoever reads. */
  publish(made: () => readonly Item[], source: FeedSource<Item>): void {
    let items: readonly Item[] | undefined;
    this.#sockets.tell((socket, { wants, apart = false }) => {
      if (wants === "end") sendEnd(socket, source, apart);
      else for (const item of (items ??= made())) this.#send(socket, item);
    });
  }

  /** Tells whoever still reads that there is nothing more to come. */
  close(): void {
    this.#sockets.close(CLOSE_ENDED, "ended");
  }

  #catchUp(socket: WebSocket, source: FeedSource<Item>, after: number): void {
    let sent = 0;
    for (let position = after; ;) {
      const page = source.events(position, LIMITS.defaultPageSize);
      for (const item of page) {
        sent += this.#send(socket, item);
        position = item.seq;
        if (this.#isLast(item)) return;
      }
      if (page.length < LIMITS.defaultPageSize) {
        if (source.hasEnded()) socket.close(CLOSE_ENDED, "ended");
        return;
      }
      if (sent > LIMITS.catchUpBytes) return socket.close(CLOSE_CONTINUE, "continue");
    }
  }

  /** The size of what was sent. */
  #send(socket: WebSocket, item: Item): number {
    const text = JSON.stringify(item);
    socket.send(text);
    if (this.#isLast(item)) socket.close(CLOSE_ENDED, "ended");
    return text.length;
  }
}

function sendEnd(socket: WebSocket, source: Pick<FeedSource<FeedItem>, "result">, apart: boolean): void {
  const result = source.result(apart);
  if (result === null) return;
  socket.send(JSON.stringify(result));
  socket.close(CLOSE_ENDED, "ended");
}
