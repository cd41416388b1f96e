/** The part of an object's storage that wakes it. */
interface AlarmClock {
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

/** An object's alarm that is moved to an earlier time only, until somebody says otherwise: moving costs a row. */
export class EarliestAlarm {
  readonly #storage: AlarmClock;
  #at: number | null = null;

  constructor(storage: AlarmClock) {
    this.#storage = storage;
  }

  /** Rings at `next` or before. */
  keep(next: number | null, now: number): void {
    if (next === null || (this.#at !== null && next >= this.#at)) return;
    this.#at = Math.max(next, now + 1);
    void this.#storage.setAlarm(this.#at);
  }

  /** Rings at `next` and not before, or never. */
  move(next: number | null, now: number): void {
    if (next !== null && next === this.#at) return;
    this.#at = null;
    if (next === null) void this.#storage.deleteAlarm();
    else this.keep(next, now);
  }

  /** It has rung, or was deleted. */
  fired(): void {
    this.#at = null;
  }
}
