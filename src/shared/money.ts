/** What work costs, in whole numbers: sums are exact whatever their order. */

/** PERSISTED, in facts. Money in millionths of a dollar. */
export interface Amounts {
  readonly cost_micros: number;
  readonly tokens: number;
  readonly calls: number;
}

export type Resource = keyof Amounts;
export const RESOURCES = ["cost_micros", "tokens", "calls"] as const satisfies readonly Resource[];

export const NO_AMOUNTS: Amounts = { cost_micros: 0, tokens: 0, calls: 0 };

export const plus = (a: Amounts, b: Amounts): Amounts => ({
  cost_micros: a.cost_micros + b.cost_micros,
  tokens: a.tokens + b.tokens,
  calls: a.calls + b.calls,
});

export const minus = (a: Amounts, b: Amounts): Amounts => ({
  cost_micros: a.cost_micros - b.cost_micros,
  tokens: a.tokens - b.tokens,
  calls: a.calls - b.calls,
});

/** Dollars as whole millionths, never too few; what the computer's fractions add is no money. */
export function microsOf(usd: number): number {
  return Math.min(Math.max(0, Math.ceil(usd * 1e6 - 1e-3)), Number.MAX_SAFE_INTEGER);
}
