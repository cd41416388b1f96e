/**
 * What to look at, first come first served. An entry may be out of date or there twice: who takes one checks it, which is
 * cheaper than removing entries from the middle.
 */
export class Agenda<T> {
  #entries: T[] = [];
  #taken = 0;

  get size(): number {
    return this.#entries.length - this.#taken;
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  /** What is taken next; `undefined` when there is nothing. */
  get next(): T | undefined {
    return this.#entries[this.#taken];
  }

  /** `undefined` when there is nothing. */
  take(): T | undefined {
    const entry = this.#entries[this.#taken];
    if (entry === undefined) return undefined;
    this.#taken++;
    if (this.#taken === this.#entries.length) {
      this.#entries = [];
      this.#taken = 0;
    }
    return entry;
  }
}
