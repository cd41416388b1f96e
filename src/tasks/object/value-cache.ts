/** Parsed values that were read lately, up to a number of bytes. Values never change, so nothing is ever out of date. */
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";

export class ValueCache {
  readonly #entries = new Map<string, { readonly value: Json; readonly bytes: number }>();
  #bytes = 0;

  get(key: string, load: () => { readonly value: Json; readonly bytes: number }): Json {
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known.value;
    }
    const entry = load();
    if (entry.bytes > LIMITS.valueCacheBytes) return entry.value;
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
    this.#bytes = 0;
  }
}
