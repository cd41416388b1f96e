/** The chance of one simulated run: everything random in it comes from here, so that a seed makes it again. */
export class Chance {
  readonly unit: () => number;

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

  /** Standard normal: one of so many that are as likely as each other. */
  normal(): number {
    return (normals ??= quantilesOfNormal())[Math.floor(this.unit() * NORMALS)] as number;
  }

  /** A factor around 1, as far away as the standard deviation of its logarithm says. */
  factor(deviation: number): number {
    return deviation === 0 ? 1 : Math.exp(deviation * this.normal());
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

const NORMALS = 2_048;
/** None of them is further from the middle. */
export const MOST_NORMAL = 3.5;
/** Made when somebody needs them. */
let normals: Float64Array | undefined;

/** By Newton's method, each from the one before it; those below the middle are those above it. */
function quantilesOfNormal(): Float64Array {
  const quantiles = new Float64Array(NORMALS);
  let at = 0;
  for (let place = NORMALS / 2; place < NORMALS; place++) {
    const share = (place + 0.5) / NORMALS;
    for (let step = 0; step < 5; step++) at += (share - shareBelow(at)) / (0.3989422804 * Math.exp((-at * at) / 2));
    quantiles[place] = at;
    quantiles[NORMALS - 1 - place] = -at;
  }
  return quantiles;
}

/** The share of a standard normal that is not above a deviate (Zelen and Severo, 1964; to seven digits). */
export function shareBelow(deviate: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(deviate));
  const tail =
    0.3989422804 *
    Math.exp((-deviate * deviate) / 2) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.min(1 - Number.EPSILON, deviate < 0 ? tail : 1 - tail);
}

/**
 * A number of a mean and a standard deviation, at a standard normal deviate: exact where nothing deviates, as likely above as
 * below while that keeps it positive, else skewed.
 */
export function around(mean: number, deviation: number, deviate: number): number {
  if (deviation === 0 || mean === 0) return mean;
  const share = deviation / mean;
  if (share <= LITTLE) return Math.max(0, mean + deviation * deviate);
  const variance = Math.log(1 + share ** 2);
  return mean * Math.exp(Math.sqrt(variance) * deviate - variance / 2);
}

const LITTLE = 0.4;
