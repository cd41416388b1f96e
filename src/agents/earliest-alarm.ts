/** An object's alarm that is only moved to an earlier time: moving costs a row. */
export class EarliestAlarm {
  readonly #storage: DurableObjectStorage;
  #at: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Rings at `next` or before. */
  keep(next: number | null, now: number): void {
    if (next === null || (this.#at !== null && next >= this.#at)) return;
    this.#at = Math.max(next, now + 1);
    void this.#storage.setAlarm(this.#at);
  }

  /** It has rung, or was deleted. */
  fired(): void {
    this.#at = null;
  }
}
