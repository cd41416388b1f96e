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

/** Every item after number `after`, past and to come, up to the last one. Ends early when the object cannot be reached. */
export async function* follow<Item extends FeedItem>(
  object: Followed,
  isLast: (item: Item) => boolean,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  let position = after;
  let failures = 0;
  while (!signal.aborted) {
    const socket = await openSocket(object, `after=${position}`).catch(() => undefined);
    if (socket === null) return;
    if (socket !== undefined) {
      const messages = messagesOf(socket, signal);
      for await (const message of messages) {
        const item = JSON.parse(message) as Item;
        position = item.seq;
        failures = 0;
        yield item;
        if (isLast(item)) return;
      }
      if (messages.closedWith() === CLOSE_ENDED) return;
      if (messages.closedWith() === CLOSE_CONTINUE) continue;
    }
    if (++failures > LIMITS.followTries) return;
    await scheduler.wait(pauseMs(failures));
  }
}

/** What the object comes to, waiting at most `waitMs`; `null` when it has not ended by then or cannot be reached. */
export async function waitForEnd<Outcome>(object: Followed, waitMs: number): Promise<Outcome | null> {
  const timeout = AbortSignal.timeout(waitMs);
  for (let failures = 1; !timeout.aborted; failures++) {
    const socket = await openSocket(object, "wants=end").catch(() => undefined);
    if (socket === null) return null;
    if (socket !== undefined) for await (const message of messagesOf(socket, timeout)) return JSON.parse(message) as Outcome;
    // The object was reset under its readers; it is back in a moment.
    if (!timeout.aborted) await scheduler.wait(pauseMs(failures));
  }
  return null;
}

/** `null` when there is no such object (any more). */
async function openSocket(object: Followed, query: string): Promise<WebSocket | null> {
  const response = await object().fetch(`https://object/?${query}`, { headers: { upgrade: "websocket" } });
  if (response.status === 404) return null;
  if (response.webSocket === null) throw new Unavailable(await response.text(), null);
  return response.webSocket;
}

const pauseMs = (failures: number): number =>
  backoffMs({ firstMs: LIMITS.followAgainMs, factor: 4, mostMs: LIMITS.followAgainMaxMs }, failures);

interface Messages extends AsyncIterable<string> {
  /** The close code, once the iteration has ended. */
  readonly closedWith: () => number | null;
}

/** A socket's text messages as they come, until it closes or `signal` aborts. */
export function messagesOf(socket: WebSocket, signal: AbortSignal): Messages {
  const queue: string[] = [];
  let closeCode: number | null = null;
  let wake = (): void => {};
  socket.addEventListener("message", ({ data }) => {
    queue.push(data as string);
    wake();
  });
  socket.addEventListener("close", ({ code }) => {
    closeCode = code;
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
        if (next !== undefined) yield next;
        else if (closeCode !== null || signal.aborted) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      if (closeCode === null) socket.close(1000, "done");
    }
  }
  return { [Symbol.asyncIterator]: iterate, closedWith: () => closeCode };
}
