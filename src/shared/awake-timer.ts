/**
 * Time limits that count only time in which this process was awake. After a freeze, or while a thousand things are due at
 * once, timers fire before what lies in the sockets is read: a time limit on an answer must not end so.
 */

/** Time is counted in slices, each for its own length at most: what a late one took longer was ours, not the other side's. */
const SLICE_MS = 1_000;
/** A slice that ends so late tells that the process slept. Then the end waits for one slice more … */
const LATE_MS = 250;
/** … but not for ever. */
const MOST_MORE = 20;

interface TimeLimit {
  leftMs: number;
  /** Up to when its time is counted. */
  countedTo: number;
  more: number;
  readonly over: () => void;
}

/** Any number of limits with one timer for all of them: to set one and to take it back is to enter the platform twice. */
export class AwakeTimer {
  readonly #limits = new Set<TimeLimit>();
  #slice: { readonly id: ReturnType<typeof setTimeout>; readonly endsAt: number } | null = null;

  /** Calls `over` once after `ms`, unless the limit is lifted before by what this returns. */
  start(ms: number, over: () => void): () => void {
    const now = Date.now();
    const limit: TimeLimit = { leftMs: ms, countedTo: now, more: 0, over };
    this.#limits.add(limit);
    this.#endSliceBy(now + Math.min(ms, SLICE_MS), now);
    return () => void this.#limits.delete(limit);
  }

  /** Nothing is timed for now: where that stays so, nothing keeps the process awake. */
  rest(): void {
    if (this.#limits.size > 0 || this.#slice === null) return;
    clearTimeout(this.#slice.id);
    this.#slice = null;
  }

  #endSliceBy(at: number, now: number): void {
    if (this.#slice !== null && this.#slice.endsAt <= at) return;
    if (this.#slice !== null) clearTimeout(this.#slice.id);
    this.#slice = { id: setTimeout(() => this.#ended(at), at - now), endsAt: at };
  }

  #ended(endsAt: number): void {
    this.#slice = null;
    const now = Date.now();
    const isLate = now - endsAt > LATE_MS;
    const over: TimeLimit[] = [];
    let nextMs = SLICE_MS;
    for (const limit of this.#limits) {
      limit.leftMs -= Math.max(0, endsAt - limit.countedTo);
      limit.countedTo = now;
      if (limit.leftMs <= 0 && isLate && limit.more++ < MOST_MORE) limit.leftMs = SLICE_MS;
      if (limit.leftMs <= 0) over.push(limit);
      else nextMs = Math.min(nextMs, limit.leftMs);
    }
    for (const limit of over) this.#limits.delete(limit);
    if (this.#limits.size > 0) this.#endSliceBy(now + nextMs, now);
    for (const limit of over) limit.over();
  }
}
