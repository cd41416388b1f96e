/**
 * How much of replies may be in memory at once. Who reads takes room before each part and waits where there is none; the
 * one that has been reading longest goes on all the same, so that there always is somebody whose end makes room.
 */
import type { ReadingRoom } from "../shared/read-text.ts";

/** One reply's share. */
export interface ReplyReader extends ReadingRoom {
  /** It is read; what it came to is in memory still. */
  readonly read: () => void;
  /** It is not in memory any more. */
  readonly close: () => void;
}

export class ReplyRoom {
  readonly #most: number;
  #taken = 0;
  /** Those who read, the first of them first. */
  readonly #readers = new Set<ReplyReader>();
  #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  /** `signal`: who waits for room waits no more. */
  reader(signal: AbortSignal): ReplyReader {
    let taken = 0;
    signal.addEventListener("abort", () => this.#wake());
    const reader: ReplyReader = {
      take: async (bytes) => {
        this.#readers.add(reader);
        while (this.#taken + bytes > this.#most && !this.#isFirst(reader)) {
          if (signal.aborted) throw new Error("nobody waits for the reply any more");
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        }
        this.#taken += bytes;
        taken += bytes;
      },
      read: () => {
        this.#readers.delete(reader);
        this.#wake();
      },
      close: () => {
        this.#taken -= taken;
        taken = 0;
        reader.read();
      },
    };
    return reader;
  }

  #isFirst(reader: ReplyReader): boolean {
    for (const first of this.#readers) return first === reader;
    return false;
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
