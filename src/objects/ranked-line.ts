/** A line in a static order: by rank, equal ranks by key, so that a rebuilt line is the same. */
export interface Ranked {
  readonly rank: number;
}

export class RankedLine<W extends Ranked> {
  readonly #keyOf: (waiter: W) => string;
  readonly #inOrder: W[];
  readonly #byKey: Map<string, W>;

  constructor(waiters: readonly W[], keyOf: (waiter: W) => string) {
    this.#keyOf = keyOf;
    this.#inOrder = waiters.toSorted((a, b) => this.#compare(a, b));
    this.#byKey = new Map(waiters.map((waiter) => [keyOf(waiter), waiter]));
  }

  get length(): number {
    return this.#inOrder.length;
  }

  get first(): W | undefined {
    return this.#inOrder[0];
  }

  get all(): readonly W[] {
    return [...this.#inOrder];
  }

  get(key: string): W | undefined {
    return this.#byKey.get(key);
  }

  enter(waiter: W): void {
    this.#inOrder.splice(this.#placeOf(waiter), 0, waiter);
    this.#byKey.set(this.#keyOf(waiter), waiter);
  }

  leave(waiter: W): void {
    this.#inOrder.splice(this.#placeOf(waiter), 1);
    this.#byKey.delete(this.#keyOf(waiter));
  }

  /** 1 for who is next, `null` for who is not in line. */
  position(key: string): number | null {
    const waiter = this.#byKey.get(key);
    return waiter === undefined ? null : this.#placeOf(waiter) + 1;
  }

  /** Where a waiter stands, or would stand. */
  #placeOf(waiter: W): number {
    let [from, to] = [0, this.#inOrder.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#compare(this.#inOrder[middle] as W, waiter) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #compare(a: W, b: W): number {
    if (a.rank !== b.rank) return a.rank - b.rank;
    const [left, right] = [this.#keyOf(a), this.#keyOf(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  }
}
