/**
 * Reading a task live. The object is followed over a hibernating WebSocket, so that it can sleep while nothing happens;
 * what is opened here survives deploys and crashes of the object by continuing after the last event seen.
 */
import { CLOSE_CONTINUE, CLOSE_ENDED } from "../tasks/object/live-feed.ts";
import { isTerminal, type EventView } from "../tasks/views/event-view.ts";
import type { TaskResult } from "../tasks/views/view.ts";
import { Unavailable } from "../shared/errors.ts";
import type { TaskContract } from "../tasks/contract.ts";
import { messagesOf } from "./sockets.ts";

/** Opens a socket to the task, or `null` when its object has no such task (any more). */
async function openSocket(stub: TaskContract, query: string): Promise<WebSocket | null> {
  const response = await stub.fetch(`https://task/?${query}`, { headers: { upgrade: "websocket" } });
  if (response.status === 404) return null;
  if (response.webSocket === null) throw new Unavailable(await response.text(), null);
  return response.webSocket;
}

/** Pauses between attempts to reach an object that closed the connection unexpectedly; then the reader is let go. */
const RECONNECT_MS = [50, 200, 1_000, 2_000, 5_000, 10_000];

/** Every event after `after`, past and to come, up to the task's end. Ends early when the object cannot be reached. */
export async function* follow(stub: () => TaskContract, after: number, signal: AbortSignal): AsyncGenerator<EventView> {
  let position = after;
  let failures = 0;
  while (!signal.aborted) {
    const socket = await openSocket(stub(), `after=${position}`).catch(() => undefined);
    if (socket === null) return;
    if (socket !== undefined) {
      const messages = messagesOf(socket, signal);
      for await (const message of messages) {
        const event = JSON.parse(message) as EventView;
        position = event.seq;
        failures = 0;
        yield event;
        if (isTerminal(event.type)) return;
      }
      if (messages.closedWith() === CLOSE_ENDED) return;
      if (messages.closedWith() === CLOSE_CONTINUE) continue;
    }
    const pauseMs = RECONNECT_MS[failures++];
    if (pauseMs === undefined) return;
    await scheduler.wait(pauseMs);
  }
}

/** Waits for the end of a task, at most `waitMs`; `null` when it has not ended by then or cannot be reached. */
export async function waitForEnd(stub: () => TaskContract, waitMs: number): Promise<TaskResult | null> {
  const timeout = AbortSignal.timeout(waitMs);
  for (let failures = 0; !timeout.aborted; failures++) {
    const socket = await openSocket(stub(), "wants=end").catch(() => undefined);
    if (socket === null) return null;
    if (socket !== undefined) for await (const message of messagesOf(socket, timeout)) return JSON.parse(message) as TaskResult;
    // The object was reset under its readers; it is back in a moment.
    const pauseMs = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)] as number;
    if (!timeout.aborted) await scheduler.wait(pauseMs);
  }
  return null;
}
