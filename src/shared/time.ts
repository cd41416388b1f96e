/** Durations on the wire are text such as `"500ms"`, `"10s"`, `"5m"`, `"2h"` or `"7d"`; inside they are milliseconds. */
export const DURATION_PATTERN = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds, or `null` when the text is no duration. */
export function parseDuration(text: string): number | null {
  const [, amount, unit] = DURATION_PATTERN.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return null;
  return Math.round(Number(amount) * (UNIT_MS[unit] as number));
}

/** The milliseconds of a text that a schema has already accepted as a duration. */
export function durationMs(text: string): number {
  const parsed = parseDuration(text);
  if (parsed === null) throw new Error(`Defect: "${text}" is no duration`);
  return parsed;
}

/** The moment that a duration from `now`, or a time, means. */
export function momentOf(text: string, now: number): number {
  const ms = parseDuration(text);
  return ms === null ? Date.parse(text) : now + ms;
}

/** A duration as text that reads back as the same, in the largest unit that says it exactly. */
export function durationText(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    const unitMs = UNIT_MS[unit] as number;
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  // A number has nine digits; more milliseconds than that are said in seconds.
  return ms < 1e9 ? `${ms}ms` : `${ms / 1_000}s`;
}

/** RFC 3339 in UTC with milliseconds. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
