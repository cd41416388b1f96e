export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) throw new Error("Nothing was measured");
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The same values in a random order. */
export function shuffled<T>(values: readonly T[]): readonly T[] {
  return values
    .map((value) => ({ value, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The median and where it lies with 95 % certainty, by ranks: nothing is assumed of how the values are distributed. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return { median: median(sorted), low: sorted[rank] as number, high: sorted[sorted.length - 1 - rank] as number };
}

/** Of a ratio: how much more or less, where 1 is out of the question. */
export function verdictOn({ median: middle, low, high }: Spread): string {
  if (low <= 1 && high >= 1) return "no difference can be seen";
  return `${(Math.abs(middle - 1) * 100).toFixed(0)} % ${middle > 1 ? "more" : "less"}`;
}
