/** The pauses between tries: one formula for all who try again. */
export interface Backoff {
  readonly firstMs: number;
  /** Each pause is so many times the one before it; twice, unless said otherwise. */
  readonly factor?: number;
  readonly mostMs: number;
}

/** How long to wait after the `failures`-th failure in a row (1-based), in milliseconds. */
export function backoffMs({ firstMs, factor = 2, mostMs }: Backoff, failures: number): number {
  return Math.min(firstMs * factor ** (failures - 1), mostMs);
}

/** How long a queue keeps a message that could not be handled, `deliveries` of it so far: it counts in seconds. */
export function redeliverySeconds(deliveries: number): number {
  return backoffMs({ firstMs: 2_000, mostMs: 60_000 }, deliveries) / 1_000;
}

/** A pause that is a share of how long the wait has lasted already, within bounds: whole milliseconds. */
export function pauseOfWait({ leastMs, share, mostMs }: { leastMs: number; share: number; mostMs: number }, since: number, now: number) {
  return Math.min(Math.max(leastMs, Math.floor((now - since) * share)), mostMs);
}
