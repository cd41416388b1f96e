/**
 * Quantiles of a stream in little memory: counts in buckets that grow by a tenth, as in DDSketch (Masson, Rim and Lee,
 * 2019). An answer is within 5 % of the true quantile, whatever the distribution; a millisecond to a day takes at most
 * about two hundred buckets. Weights, so that old values can count less than new ones.
 */
const GROWTH = 1.1;
const LOG_GROWTH = Math.log(GROWTH);

/** PERSISTED: pairs of bucket and weight. */
export type SketchPairs = readonly (readonly [bucket: number, weight: number])[];

export class LatencySketch {
  readonly #weights: Map<number, number>;
  #total = 0;

  constructor(pairs: SketchPairs = []) {
    this.#weights = new Map(pairs);
    for (const [, weight] of pairs) this.#total += weight;
  }

  /** `ms` of at least 0; everything below a millisecond is one bucket. */
  add(ms: number, weight: number): void {
    const bucket = ms < 1 ? 0 : 1 + Math.floor(Math.log(ms) / LOG_GROWTH);
    this.#weights.set(bucket, (this.#weights.get(bucket) ?? 0) + weight);
    this.#total += weight;
  }

  /** The value that a share `q` of the weight is not above, or `null` when there is none. */
  quantile(q: number): number | null {
    return this.quantiles([q])?.[0] ?? null;
  }

  /** The same for shares in ascending order. */
  quantiles(shares: readonly number[]): readonly number[] | null {
    if (this.#total <= 0) return null;
    const buckets = [...this.#weights].toSorted(([a], [b]) => a - b);
    let [at, passed] = [0, buckets[0]?.[1] ?? 0];
    return shares.map((share) => {
      while (passed < share * this.#total && at < buckets.length - 1) passed += buckets[++at]?.[1] ?? 0;
      const bucket = buckets[at]?.[0] ?? 0;
      // The middle of the bucket, by ratio.
      return bucket === 0 ? 0 : Math.round(GROWTH ** (bucket - 0.5) * 10) / 10;
    });
  }

  scale(factor: number): void {
    this.#total = 0;
    for (const [bucket, weight] of this.#weights) {
      const scaled = weight * factor;
      // What has faded to nothing takes no room.
      if (scaled < 1e-6) this.#weights.delete(bucket);
      else {
        this.#weights.set(bucket, scaled);
        this.#total += scaled;
      }
    }
  }

  pairs(): SketchPairs {
    return [...this.#weights];
  }
}
