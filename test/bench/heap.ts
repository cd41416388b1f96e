/** How much memory an isolate really holds, as its inspector tells: garbage is collected before each look. */
import { answerTo, pause, within } from "./patience.ts";

interface HeapUsage {
  readonly usedSize: number;
  /** Outside V8's own heap: strings that are borrowed, array buffers. */
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

/** Between two looks: a look stops the isolate for as long as a collection takes. */
const EVERY_MS = 400;
/** What is asked while the inspector's proxy still connects is lost, so it is asked again this often … */
const AGAIN_MS = 2_000;
/** … and given up after so long. */
const PATIENCE_MS = 30_000;

export class Heap {
  readonly #socket: WebSocket;
  readonly #wakeUrl: string;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #number = 0;

  private constructor(socket: WebSocket, wakeUrl: string) {
    this.#socket = socket;
    this.#wakeUrl = wakeUrl;
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { readonly id?: number; readonly result?: unknown };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  /** `wakeUrl`: any request to it has the isolate do something. */
  static async of(inspectorPort: number, wakeUrl: string): Promise<Heap> {
    // Node's own takes headers, which the inspector insists on, and which the types of a browser's do not know.
    const options = { headers: { origin: "http://localhost" } } as unknown as string[];
    const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/ws`, options);
    const opened = new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error(`No inspector on port ${inspectorPort}`)));
    });
    await within(`the inspector on port ${inspectorPort} to accept a connection`, PATIENCE_MS, opened);
    return new Heap(socket, wakeUrl);
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
    over.catch(() => undefined); // told below, unless the inspector fails first
    for (; !isOver; await pause(EVERY_MS)) peak = Math.max(peak, await this.used());
    await over;
    return peak;
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(method: string): Promise<unknown> {
    const id = ++this.#number;
    let timer: NodeJS.Timeout | undefined;
    const answered = new Promise((resolve, reject) => {
      const ask = (): void => {
        if (this.#socket.readyState !== WebSocket.OPEN) return reject(new Error("The inspector is gone"));
        this.#socket.send(JSON.stringify({ id, method }));
        // An isolate that has nothing to do does not answer whether it has collected.
        void answerTo(this.#wakeUrl, AGAIN_MS).catch(() => undefined);
      };
      timer = setInterval(ask, AGAIN_MS);
      this.#waiting.set(id, resolve);
      ask();
    });
    try {
      return await within(`the inspector to answer ${method}`, PATIENCE_MS, answered);
    } finally {
      clearInterval(timer);
      this.#waiting.delete(id);
    }
  }
}
