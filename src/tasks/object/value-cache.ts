/**
 * Parsed values that were read lately, up to a number of bytes, and the last larger one as long as nobody needs its memory:
 * during a turn at least. Values never change, so nothing is ever out of date.
 */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";

export class ValueCache {
  readonly #entries = new Map<string, { readonly value: Json; readonly bytes: number }>();
  #bytes = 0;
  #large: { readonly key: string; readonly held: WeakRef<{ readonly value: Json }> } | null = null;

  get(key: string, load: () => { readonly value: Json; readonly bytes: number }): Json {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.value;
    }
    const large = this.#large?.key === key ? this.#large.held.deref() : undefined;
    if (large !== undefined) return large.value;
    const entry = load();
    if (entry.bytes > LIMITS.valueCacheBytes) {
      this.#large = { key, held: new WeakRef({ value: entry.value }) };
      return entry.value;
    }
    this.#entries.set(key, entry);
    this.#bytes += entry.bytes;
    for (const [oldest, { bytes }] of this.#entries) {
      if (this.#bytes <= LIMITS.valueCacheBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= bytes;
    }
    return entry.value;
  }

  clear(): void {
    this.#entries.clear();
    this.#large = null;
    this.#bytes = 0;
  }
}
