/** How long to wait before something is tried again. */
import { LIMITS } from "./limits.ts";

/** Doubles with every failure up to `maxMs`; half of it is random, so that many who failed together do not return together. */
export function backoffMs(failures: number, { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number }): number {
  const whole = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return whole / 2 + (whole / 2) * Math.random();
}

/** `Retry-After`, in seconds or as a date, in milliseconds from `now` and at most five minutes; 0 where there is none. */
export function retryAfterMs(headers: Headers, now: number): number {
  const value = headers.get("retry-after")?.trim() ?? "";
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now;
  return ms > 0 ? Math.min(ms, LIMITS.retryAfterMs) : 0;
}

/** Whether the same request may fare better later. */
export function isTransient(status: number): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429;
}
