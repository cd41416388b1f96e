/**
 * A projection: what an object tells D1 of itself, published until it is stored there.
 *
 * P1. It is owed while D1 is not known to have the version that is so now. Which one D1 has is stored with the object, so
 *     that a new instance finds what the last one owed.
 * P2. One write after the other, or an older one could be the last. What changes meanwhile goes next.
 * P3. While it is owed the alarm is set: after 30 s, doubling up to ten minutes.
 */
import { backoffMs } from "../shared/backoff.ts";
import { LIMITS } from "./limits.ts";

/** What is published. A version names what D1 is told: it is another one where that is another. */
export interface Published<Version> {
  /** What is so now; `null` where there is nothing to tell. */
  readonly current: () => Version | null;
  /** What D1 is known to have. */
  readonly stored: () => Version | null;
  /** Has D1 store it. Throws while D1 does not answer; storing it again does no harm. */
  readonly store: (version: Version) => Promise<void>;
  readonly confirm: (version: Version) => void;
}

export class Projection<Version extends string | number> {
  readonly #published: Published<Version>;
  #underWay: Promise<void> | null = null;
  #owedSince: number | null = null;
  #failures = 0;
  #failedAt: number | null = null;

  constructor(published: Published<Version>) {
    this.#published = published;
  }

  get isOwed(): boolean {
    const current = this.#published.current();
    return current !== null && current !== this.#published.stored();
  }

  /** When the alarm publishes it; `null` while it is not owed. `since`: when it came to be owed, unless that is known here. */
  nextAt(since: number): number | null {
    if (!this.isOwed) {
      this.#owedSince = null;
      return null;
    }
    this.#owedSince ??= since;
    return (this.#failedAt ?? this.#owedSince) + backoffMs({ firstMs: LIMITS.againMs, mostMs: LIMITS.againMaxMs }, this.#failures + 1);
  }

  /** Resolves when D1 has what is so by then. Throws while D1 does not answer; the alarm comes again. */
  publish(): Promise<void> {
    return (this.#underWay ??= this.#publish().finally(() => {
      this.#underWay = null;
    }));
  }

  /** The object was emptied, and may be used anew. */
  startOver(): void {
    this.#owedSince = null;
    this.#failures = 0;
    this.#failedAt = null;
  }

  async #publish(): Promise<void> {
    const { current, stored, store, confirm } = this.#published;
    let last: Version | null = null;
    for (let version = current(); version !== null && version !== stored() && version !== last; version = current()) {
      try {
        await store(version);
      } catch (error) {
        this.#failures++;
        this.#failedAt = Date.now();
        throw error;
      }
      this.startOver();
      confirm(version);
      last = version;
    }
  }
}
