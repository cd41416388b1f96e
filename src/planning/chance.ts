/** The chance of one simulated run: everything random in it comes from here, so that a seed makes it again. */
export class Chance {
  readonly unit: () => number;
  #spare: number | null = null;

  constructor(unit: () => number) {
    this.unit = unit;
  }

  happens(share: number): boolean {
    return share >= 1 || (share > 0 && this.unit() < share);
  }

  /** From 0 to below a number. */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }

  /** Standard normal (Marsaglia's polar method). */
  normal(): number {
    if (this.#spare !== null) {
      const spare = this.#spare;
      this.#spare = null;
      return spare;
    }
    for (;;) {
      const [x, y] = [2 * this.unit() - 1, 2 * this.unit() - 1];
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * factor;
      return x * factor;
    }
  }

  /** A factor around 1, as far away as the standard deviation of its logarithm says. */
  factor(deviation: number): number {
    return deviation === 0 ? 1 : Math.exp(deviation * this.normal());
  }

  /** A number from a mean and a standard deviation that is never negative, and exact where nothing deviates. */
  around(mean: number, deviation: number): number {
    if (deviation === 0 || mean === 0) return mean;
    const variance = Math.log(1 + (deviation / mean) ** 2);
    return mean * Math.exp(Math.sqrt(variance) * this.normal() - variance / 2);
  }

  /** A share, from how often something was seen and how often not; both may be fractions. */
  share(seen: number, not: number): number {
    const [a, b] = [this.#gamma(seen), this.#gamma(not)];
    return a + b === 0 ? 0 : a / (a + b);
  }

  /** Marsaglia and Tsang, 2000. */
  #gamma(shape: number): number {
    if (shape < 1) return this.#gamma(shape + 1) * Math.max(this.unit(), Number.MIN_VALUE) ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(Math.max(this.unit(), Number.MIN_VALUE)) < (x * x) / 2 + d - d * v + d * Math.log(v)) return d * v;
    }
  }
}
