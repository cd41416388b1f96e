/**
 * Slots as leases: each is stored before anybody is told of it, and its holder is asked now and then whether it still has
 * it. Who says no loses it, and so does who cannot be asked for long. A lease carries the number of its grant, so that
 * what was said of an earlier grant cannot take a later one away.
 */
import { LIMITS } from "./limits.ts";

export interface Lease {
  readonly grant: number;
  /** When its holder is to be asked. */
  readonly verifyAt: number;
  /** Since when its holder could not be asked. */
  readonly unansweredSince?: number;
}

/** Where leases outlive the instance. Writing is synchronous. */
export interface LeaseStore<L> {
  readonly put: (key: string, lease: L) => void;
  readonly delete: (key: string) => void;
}

export class Leases<L extends Lease> {
  readonly #keyOf: (lease: L) => string;
  readonly #store: LeaseStore<L>;
  readonly #byKey: Map<string, L>;
  #lastGrant = 0;

  constructor(leases: readonly L[], keyOf: (lease: L) => string, store: LeaseStore<L>) {
    this.#keyOf = keyOf;
    this.#store = store;
    this.#byKey = new Map(leases.map((lease) => [keyOf(lease), lease]));
    for (const { grant } of leases) this.#lastGrant = Math.max(this.#lastGrant, grant);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get all(): readonly L[] {
    return [...this.#byKey.values()];
  }

  get(key: string): L | undefined {
    return this.#byKey.get(key);
  }

  keep(lease: L): L {
    this.#byKey.set(this.#keyOf(lease), lease);
    this.#store.put(this.#keyOf(lease), lease);
    return lease;
  }

  /** Larger than every number before, also than those of an instance that nothing is left of. */
  nextGrant(now: number): number {
    this.#lastGrant = Math.max(this.#lastGrant + 1, now);
    return this.#lastGrant;
  }

  /** With a number only the lease of that grant. */
  release(key: string, grant?: number): L | null {
    const lease = this.#byKey.get(key);
    if (lease === undefined || (grant !== undefined && lease.grant !== grant)) return null;
    this.#byKey.delete(key);
    this.#store.delete(key);
    return lease;
  }

  /** Those whose holders are to be asked, and are trusted again for a while meanwhile. */
  toVerify(now: number): readonly L[] {
    const due = this.all.filter((lease) => lease.verifyAt <= now);
    // Not stored: a new instance asks at once.
    for (const lease of due) this.#byKey.set(this.#keyOf(lease), { ...lease, verifyAt: now + LIMITS.slotVerifyMs });
    return due;
  }

  /** Its holder could not be asked. Whether it is taken back, because that has been so for long. */
  doubt(asked: L, now: number): boolean {
    const lease = this.#current(asked);
    if (lease === undefined) return false;
    const { unansweredSince = now } = lease;
    if (now - unansweredSince >= LIMITS.slotDoubtMs) return true;
    if (lease.unansweredSince === undefined) this.keep({ ...lease, unansweredSince });
    return false;
  }

  /** Its holder has answered. */
  trust(asked: L): void {
    const lease = this.#current(asked);
    if (lease?.unansweredSince === undefined) return;
    const { unansweredSince: _, ...others } = lease;
    this.keep(others as unknown as L);
  }

  /** `null` while there are none. */
  get nextVerifyAt(): number | null {
    let next: number | null = null;
    for (const { verifyAt } of this.#byKey.values()) next = next === null ? verifyAt : Math.min(next, verifyAt);
    return next;
  }

  #current(asked: L): L | undefined {
    const lease = this.#byKey.get(this.#keyOf(asked));
    return lease?.grant === asked.grant ? lease : undefined;
  }
}
