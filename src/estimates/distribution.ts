/** Where a number will lie: a distribution as a table of its quantiles, so that drawing from it is a look-up. */

/** A share of the values and what they are not above. */
export type Quantile = readonly [share: number, value: number];

export class Distribution {
  readonly mean: number;
  /** Standard deviation of the logarithms: how much its values differ, as a share of what they are. */
  readonly deviation: number;
  readonly #table: readonly number[];

  private constructor(table: readonly number[]) {
    this.#table = table;
    this.mean = meanOf(table);
    const logs = table.map(scaled);
    const middle = meanOf(logs);
    this.deviation = Math.sqrt(meanOf(logs.map((log) => (log - middle) ** 2)));
  }

  static fixed(value: number): Distribution {
    return new Distribution([value, value]);
  }

  /** Every value between two others alike. */
  static between(least: number, most: number): Distribution {
    return new Distribution([least, most]);
  }

  /** Quantiles in ascending order, from 0 to 1. Between them values lie as close by ratio as they do at both ends. */
  static through(quantiles: readonly Quantile[]): Distribution {
    const table: number[] = [];
    let at = 0;
    for (let place = 0; place <= CELLS; place++) {
      const share = place / CELLS;
      while (at < quantiles.length - 2 && share > (quantiles[at + 1] as Quantile)[0]) at++;
      const [[from, low], [to, high]] = [quantiles[at] as Quantile, (quantiles[at + 1] ?? quantiles[at]) as Quantile];
      const part = to > from ? Math.min(1, Math.max(0, (share - from) / (to - from))) : 1;
      table.push(unscaled(scaled(low) + part * (scaled(high) - scaled(low))));
    }
    return new Distribution(table);
  }

  /** `unit`: from 0 to below 1. */
  draw(unit: number): number {
    const at = unit * (this.#table.length - 1);
    const cell = Math.floor(at);
    const low = this.#table[cell] as number;
    return low + (at - cell) * ((this.#table[cell + 1] as number) - low);
  }

  /** What a share of the values is not above. */
  quantile(share: number): number {
    return this.draw(Math.min(share, 1 - Number.EPSILON));
  }
}

const CELLS = 128;

/** Logarithms, of which that of nothing is none. */
const scaled = (value: number): number => Math.log(Math.max(0, value) + 1);
const unscaled = (log: number): number => Math.exp(log) - 1;

function meanOf(values: readonly number[]): number {
  // Between its points a table is straight, so those at the ends count half.
  const inner = values.reduce((sum, value) => sum + value, 0) - ((values[0] as number) + (values.at(-1) as number)) / 2;
  return inner / (values.length - 1);
}
