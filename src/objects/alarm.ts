/** The part of an object's storage that wakes it. */
interface AlarmClock {
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

/** The one alarm of an object, for all of its reasons. Moving it costs a row, so it is moved only where that is needed. */
export class Alarm {
  readonly #clock: AlarmClock;
  #at: number | null = null;

  constructor(clock: AlarmClock) {
    this.#clock = clock;
  }

  /** Whether it is known to be set. */
  get isSet(): boolean {
    return this.#at !== null;
  }

  /** Rings at `next` or before: it is moved to an earlier time only. */
  ringBy(next: number | null, now: number): void {
    if (next === null || (this.#at !== null && next >= this.#at)) return;
    this.#at = Math.max(next, now + 1);
    void this.#clock.setAlarm(this.#at);
  }

  /** Rings at `next` and not before, or never. */
  ringAt(next: number | null, now: number): void {
    if (next !== null && next === this.#at) return;
    this.#at = null;
    if (next === null) void this.#clock.deleteAlarm();
    else this.ringBy(next, now);
  }

  /** It has rung or was deleted, or a transaction that may have set it was taken back. */
  forget(): void {
    this.#at = null;
  }
}

/** The first of several moments; `null` where there is none. */
export function earliest(...moments: readonly (number | null)[]): number | null {
  let first: number | null = null;
  for (const at of moments) if (at !== null && (first === null || at < first)) first = at;
  return first;
}
