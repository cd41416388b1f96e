/** How long to wait before something is tried again. */

/** Doubles with every failure up to `maxMs`; half of it is random, so that many who failed together do not return together. */
export function backoffMs(failures: number, { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number }): number {
  const whole = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return whole / 2 + (whole / 2) * Math.random();
}

/** `Retry-After`, in seconds or as a date, in milliseconds from `now`; `null` where there is none. */
export function parseRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** Whether the same request may fare better later. */
export function isTransient(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}
