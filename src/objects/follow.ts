/**
 * The Worker's end of an object's feed. What is opened here survives deploys and crashes of the object, by continuing after
 * the last item seen.
 */
import { backoffMs } from "../shared/backoff.ts";
import { Unavailable } from "../shared/errors.ts";
import { CLOSE_CONTINUE, CLOSE_ENDED, type FeedItem } from "./feed.ts";
import { LIMITS } from "./limits.ts";

/** The way to an object: a new one each time, because one that threw is broken. */
export type Followed = () => { readonly fetch: (url: string, init: RequestInit) => Promise<Response> };

/** `absent`: there is no such object (any more) · `over`: it has ended, and nothing comes after what was seen · `full`: others read. */
type Unopened = "absent" | "over" | "full";

/** The object cannot be reached, or has too many readers; it may go on all the same. */
export class FeedLost extends Error {}

/**
 * Opens a feed after number `after`: every item, past and to come, up to the last one. Throws where the object does not answer;
 * the items throw `FeedLost` where that is so later on.
 */
export async function openFollowed<Item extends FeedItem>(
  object: Followed,
  isLast: (item: Item) => boolean,
  after: number,
  signal: AbortSignal,
): Promise<AsyncGenerator<Item> | Unopened> {
  const first = await openSocket(object, `after=${after}`);
  return typeof first === "string" ? first : follow(object, first, isLast, after, signal);
}

async function* follow<Item extends FeedItem>(
  object: Followed,
  first: WebSocket,
  isLast: (item: Item) => boolean,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  let socket: WebSocket | Unopened | undefined = first;
  let position = after;
  for (let failures = 0; !signal.aborted;) {
    if (socket === "absent" || socket === "over") return;
    if (socket !== undefined && socket !== "full") {
      const messages = messagesOf(socket, signal);
      for await (const message of messages) {
        const item = JSON.parse(message) as Item;
        position = item.seq;
        failures = 0;
        yield item;
        if (isLast(item)) return;
      }
      if (messages.closedWith() === CLOSE_ENDED) return;
      if (messages.closedWith() !== CLOSE_CONTINUE) failures++;
    } else failures++;
    if (failures > LIMITS.followTries) throw new FeedLost("its object does not answer, or has too many readers");
    if (failures > 0) await scheduler.wait(pauseMs(failures));
    if (!signal.aborted) socket = await openSocket(object, `after=${position}`).catch(() => undefined);
  }
}

/** What the object comes to; `null` when it has not ended by the time that `over` aborts, or cannot be reached. */
export async function waitForEnd<Outcome>(object: Followed, over: AbortSignal): Promise<Outcome | null> {
  for (let failures = 1; !over.aborted; failures++) {
    const socket = await openSocket(object, "wants=end&apart=1").catch(() => undefined);
    if (socket === "absent" || socket === "over") return null;
    if (socket !== undefined && socket !== "full")
      for await (const message of messagesOf(socket, over)) return JSON.parse(message) as Outcome;
    // The object was reset under its readers, or has too many; it is back in a moment.
    if (!over.aborted) await scheduler.wait(pauseMs(failures));
  }
  return null;
}

async function openSocket(object: Followed, query: string): Promise<WebSocket | Unopened> {
  const response = await object().fetch(`https://object/?${query}`, { headers: { upgrade: "websocket" } });
  if (response.status === 404) return "absent";
  if (response.status === 204) return "over";
  if (response.status === 503) return "full";
  if (response.webSocket === null) throw new Unavailable(await response.text(), null);
  return response.webSocket;
}

const pauseMs = (failures: number): number =>
  backoffMs({ firstMs: LIMITS.followAgainMs, factor: 4, mostMs: LIMITS.followAgainMaxMs }, failures);

interface Messages extends AsyncIterable<string> {
  /** The close code, once the iteration has ended. */
  readonly closedWith: () => number | null;
}

/** A socket's text messages as they come, until it closes or `signal` aborts. No more of them wait than may. */
export function messagesOf(socket: WebSocket, signal: AbortSignal): Messages {
  const queue: string[] = [];
  let queued = 0;
  let closeCode: number | null = null;
  let wake = (): void => {};
  socket.addEventListener("message", ({ data }) => {
    if (closeCode !== null) return;
    queue.push(data as string);
    queued += (data as string).length;
    // Whoever takes them is slower than they come: the rest is asked for once these are taken.
    if (queued > LIMITS.queuedBytes) {
      closeCode = CLOSE_CONTINUE;
      socket.close(1000, "behind");
    }
    wake();
  });
  socket.addEventListener("close", ({ code }) => {
    closeCode ??= code;
    wake();
  });
  socket.addEventListener("error", () => {
    closeCode ??= 1006;
    wake();
  });
  signal.addEventListener("abort", () => wake());
  socket.accept();

  async function* iterate(): AsyncGenerator<string> {
    try {
      for (;;) {
        const next = queue.shift();
        if (next !== undefined) {
          queued -= next.length;
          yield next;
        } else if (closeCode !== null || signal.aborted) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      if (closeCode === null) socket.close(1000, "done");
    }
  }
  return { [Symbol.asyncIterator]: iterate, closedWith: () => closeCode };
}
