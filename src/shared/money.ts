/** Dollars as whole millionths, never too few; what the computer's fractions add is no money. */
export function microsOf(usd: number): number {
  return Math.min(Math.max(0, Math.ceil(usd * 1e6 - 1e-3)), Number.MAX_SAFE_INTEGER);
}
