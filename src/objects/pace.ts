/**
 * How often something may begin under a key in this isolate: some at once, then so many a second; more while turns are
 * punctual, fewer while they come late, because then the isolate is behind with its work. Whoever asks is told how long to
 * wait, and waits on a timer of its own: nothing is held that could be lost with an object, and whatever comes from outside
 * gets in between, which it does not while an isolate has something else to do.
 */
interface Given {
  /** Turns that may be taken at once, as of `at`; less than none where some wait for theirs. */
  readonly free: number;
  readonly at: number;
  /** How many times as far apart turns are as at first. */
  readonly slowness: number;
  readonly slowedAt: number;
}

export class Pace {
  readonly #gapMs: number;
  readonly #atOnce: number;
  readonly #given = new Map<string, Given>();
  #tidyAt = KEYS;

  constructor({ atOnce, perSecond }: { readonly atOnce: number; readonly perSecond: number }) {
    this.#gapMs = 1_000 / perSecond;
    this.#atOnce = atOnce;
  }

  /** Waits for a turn. `false`: there is none within `mostMs`, and none was taken. */
  async turn(key: string, mostMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    for (let late = 0; late <= LATE_TURNS; late++) {
      const now = performance.now();
      const waitMs = this.take(key, mostMs, now);
      if (waitMs === null) return false;
      if (waitMs === 0) return true;
      await scheduler.wait(waitMs);
      if (waitMs === MOMENT_MS || this.came(key, performance.now() - now - waitMs)) return true;
    }
    return true;
  }

  /** How long until the turn that this gives; `null`, and no turn, where that is longer than `mostMs`. */
  take(key: string, mostMs: number, now: number): number | null {
    const given = this.#asOf(now, this.#given.get(key));
    const leastMs = given.free > this.#atOnce - FIRST ? 0 : MOMENT_MS;
    const waitMs = Math.max(leastMs, (1 - given.free) * given.slowness * this.#gapMs);
    if (waitMs > mostMs) return null;
    this.#given.set(key, { ...given, free: given.free - 1 });
    if (this.#given.size >= this.#tidyAt) this.#tidy(now);
    return waitMs;
  }

  /** A turn came so late. Whether it is to be taken: else whoever asks others to wait is asked to wait, too. */
  came(key: string, lateMs: number, now = performance.now()): boolean {
    const before = this.#given.get(key);
    const isLate = lateMs > LATE_MS;
    if (before === undefined) return !isLate;
    const given = this.#asOf(now, before);
    if (!isLate) this.#given.set(key, { ...given, slowness: Math.max(FASTEST, given.slowness * FASTER) });
    // All that were due meanwhile are late at once, which is late once.
    else if (now - given.slowedAt >= lateMs) {
      this.#given.set(key, { ...given, slowness: Math.min(SLOWEST, given.slowness * SLOWER), slowedAt: now });
    }
    return !isLate;
  }

  #asOf(now: number, given: Given = { free: this.#atOnce, at: now, slowness: 1, slowedAt: now }): Given {
    const more = Math.max(0, now - given.at) / (given.slowness * this.#gapMs);
    return { ...given, free: Math.min(this.#atOnce, given.free + more), at: Math.max(now, given.at) };
  }

  /** Whoever may take as many as at first is as new. */
  #tidy(now: number): void {
    for (const [key, given] of this.#given) if (this.#asOf(now, given).free >= this.#atOnce) this.#given.delete(key);
    this.#tidyAt = Math.max(KEYS, 2 * this.#given.size);
  }
}

const KEYS = 1_000;
/** After the first ones each waits for a moment, in which what comes from outside gets in. */
const FIRST = 10;
const MOMENT_MS = 1;
/** What is later than this was kept waiting by work. */
const LATE_MS = 100;
/** After so many late turns in a row one is taken all the same. */
const LATE_TURNS = 3;
const SLOWER = 2;
const SLOWEST = 8;
const FASTER = 0.95;
const FASTEST = 0.25;
