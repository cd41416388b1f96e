/** How much memory an isolate really holds, as its inspector tells: garbage is collected before each look. */
import { pause } from "./server.ts";

interface HeapUsage {
  readonly usedSize: number;
  /** Outside V8's own heap: strings that are borrowed, array buffers. */
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

/** Between two looks: a look stops the isolate for as long as a collection takes. */
const EVERY_MS = 400;
const PATIENCE_MS = 5_000;

export class Heap {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #number = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  static async of(inspectorPort: number): Promise<Heap> {
    // Node's own takes headers, which the inspector insists on, and which the types of a browser's do not know.
    const options = { headers: { origin: "http://localhost" } } as unknown as string[];
    const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/ws`, options);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`No inspector on port ${inspectorPort}`)));
    });
    return new Heap(socket);
  }

  /** In bytes. */
  async used(): Promise<number> {
    await this.#ask("HeapProfiler.collectGarbage");
    const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = (await this.#ask("Runtime.getHeapUsage")) as HeapUsage;
    return usedSize + embedderHeapUsedSize + backingStorageSize;
  }

  /** The most that was held while something went on, in bytes. */
  async peakDuring(work: Promise<unknown>): Promise<number> {
    let [peak, isOver] = [0, false];
    const over = work.finally(() => (isOver = true));
    for (; !isOver; await pause(EVERY_MS)) peak = Math.max(peak, await this.used());
    await over;
    return peak;
  }

  close(): void {
    this.#socket.close();
  }

  /** What is asked while the inspector's proxy still connects is lost, so it is asked again. */
  #ask(method: string): Promise<unknown> {
    const id = ++this.#number;
    return new Promise((resolve, reject) => {
      const ask = (): void => {
        if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ id, method }));
        else reject(new Error("The inspector is gone"));
      };
      const timer = setInterval(ask, PATIENCE_MS);
      this.#waiting.set(id, (result) => {
        clearInterval(timer);
        this.#waiting.delete(id);
        resolve(result);
      });
      ask();
    });
  }
}
