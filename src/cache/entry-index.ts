/** The results that a shard keeps, by when they were used last; which to drop when there are too many. No bodies, no clock. */
import type { Named } from "./cache-contract.ts";

/** PERSISTED, as a row. */
export interface Entry {
  readonly id: number;
  readonly key: string;
  readonly task: string;
  readonly subject: string;
  readonly tags: readonly string[];
  readonly bytes: number;
  readonly madeAt: number;
  readonly expiresAt: number;
  readonly usedAt: number;
}

export interface EntryLimits {
  readonly entries: number;
  readonly bytes: number;
}

export class EntryIndex {
  /** Used longest ago first. */
  readonly #byKey = new Map<string, Entry>();
  readonly #limits: EntryLimits;
  #bytes = 0;

  constructor(limits: EntryLimits, entries: readonly Entry[] = []) {
    this.#limits = limits;
    for (const entry of entries.toSorted((a, b) => a.usedAt - b.usedAt || a.id - b.id)) this.#add(entry);
  }

  get size(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What is kept under the key and has not expired. */
  find(key: string, now: number): Entry | null {
    const entry = this.#byKey.get(key);
    return entry !== undefined && entry.expiresAt > now ? entry : null;
  }

  /** It was used: it is dropped after all others. */
  use(entry: Entry, usedAt: number): void {
    this.#byKey.delete(entry.key);
    this.#byKey.set(entry.key, { ...entry, usedAt });
  }

  /** Keeps an entry in the place of one with its key; what has to go for it, in this order: expired ones, then the least used. */
  put(entry: Entry, now: number): readonly Entry[] {
    const dropped: Entry[] = [];
    const drop = (one: Entry): void => {
      this.remove(one);
      dropped.push(one);
    };
    const before = this.#byKey.get(entry.key);
    if (before !== undefined) drop(before);
    const isFull = (): boolean => this.size + 1 > this.#limits.entries || this.#bytes + entry.bytes > this.#limits.bytes;
    if (isFull()) for (const one of this.expired(now)) drop(one);
    for (const one of this.#byKey.values()) {
      if (!isFull()) break;
      drop(one);
    }
    this.#add(entry);
    return dropped;
  }

  remove(entry: Entry): void {
    const kept = this.#byKey.get(entry.key);
    if (kept === undefined || kept.id !== entry.id) return;
    this.#byKey.delete(entry.key);
    this.#bytes -= kept.bytes;
  }

  expired(now: number): readonly Entry[] {
    return [...this.#byKey.values()].filter(({ expiresAt }) => expiresAt <= now);
  }

  named(named: Named): readonly Entry[] {
    return [...this.#byKey.values()].filter((entry) => isNamed(entry, named));
  }

  /** When the first of them expires; `null` where there is none. */
  get expiresAt(): number | null {
    let first: number | null = null;
    for (const { expiresAt } of this.#byKey.values()) first = first === null ? expiresAt : Math.min(first, expiresAt);
    return first;
  }

  #add(entry: Entry): void {
    this.#byKey.set(entry.key, entry);
    this.#bytes += entry.bytes;
  }
}

/** Whether something is of what is named. */
export function isNamed(
  { key, subject, tags }: { readonly key: string; readonly subject: string; readonly tags: readonly string[] },
  named: Named,
): boolean {
  return named.keys.includes(key) || named.capabilities.includes(subject) || tags.some((tag) => named.tags.includes(tag));
}
