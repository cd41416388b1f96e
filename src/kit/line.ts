/** Work that is carried out a few at a time, in the order in which it came. */
import { createDeferred } from "./deferred.ts";

export interface Line<Item> {
  /** Starts it as soon as there is a place. */
  readonly add: (item: Item) => void;
  /** How many more could start now. */
  readonly places: () => number;
  /** Resolves with the next item that ends, or with `wake`. */
  readonly change: () => Promise<void>;
  readonly wake: () => void;
  /** Resolves when nothing runs or waits. */
  readonly empty: () => Promise<void>;
}

/** `carryOut` must not reject. */
export function createLine<Item>(places: number, carryOut: (item: Item) => Promise<void>): Line<Item> {
  const waiting: Item[] = [];
  let running = 0;
  let changed = createDeferred();

  const wake = (): void => {
    changed.resolve();
    changed = createDeferred();
  };
  const run = async (item: Item): Promise<void> => {
    running++;
    await carryOut(item);
    running--;
    startNext();
    wake();
  };
  const startNext = (): void => {
    while (running < places) {
      const item = waiting.shift();
      if (item === undefined) return;
      void run(item);
    }
  };
  return {
    add: (item) => {
      waiting.push(item);
      startNext();
    },
    places: () => places - running,
    change: () => changed.promise,
    wake,
    empty: async () => {
      while (running > 0) await changed.promise;
    },
  };
}
