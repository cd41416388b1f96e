/** The Worker's end of a WebSocket to an object, as something to iterate over. */

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
