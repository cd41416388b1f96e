/** The one retry formula. */
import { LIMITS } from "./limits.ts";
import { DEFAULTS } from "../shared/limits.ts";
import { unitFromText } from "../shared/random.ts";
import { durationMs } from "../shared/time.ts";
import type { RetryDefinition } from "./agent-definition.ts";

export interface RetryPolicy {
  readonly maxAttempts: number;
  readonly strategy: "fixed" | "linear" | "exponential";
  readonly delayMs: number;
  readonly factor: number;
  readonly maxDelayMs: number;
  readonly jitter: "full" | "none";
  readonly nonRetryable: readonly string[];
  readonly on: "same" | "another";
}

export function retryPolicy(definition: RetryDefinition = {}): RetryPolicy {
  return {
    maxAttempts: definition.max_attempts ?? DEFAULTS.retry.maxAttempts,
    strategy: definition.strategy ?? "exponential",
    delayMs: definition.delay === undefined ? DEFAULTS.retry.delayMs : durationMs(definition.delay),
    factor: definition.factor ?? DEFAULTS.retry.factor,
    maxDelayMs: definition.max_delay === undefined ? DEFAULTS.retry.maxDelayMs : durationMs(definition.max_delay),
    jitter: definition.jitter ?? "full",
    nonRetryable: definition.non_retryable ?? [],
    on: definition.on ?? "another",
  };
}

/**
 * How long to wait after the `failures`-th failure in a row (1-based), in milliseconds.
 *
 * Full jitter takes a share of the delay between nothing and all of it, derived from `seed`, which names the task, step
 * and attempt: the same history always waits the same. What the agent asked for (`Retry-After`) is a minimum.
 */
export function retryDelayMs(policy: RetryPolicy, failures: number, seed: string, retryAfterMs = 0): number {
  const share = policy.jitter === "full" ? unitFromText(seed) : 1;
  const delay = Math.min(unjitteredDelayMs(policy, failures), policy.maxDelayMs) * share;
  return Math.round(Math.max(delay, Math.min(retryAfterMs, LIMITS.retryAfterMs)));
}

function unjitteredDelayMs(policy: RetryPolicy, failures: number): number {
  switch (policy.strategy) {
    case "fixed":
      return policy.delayMs;
    case "linear":
      return policy.delayMs * failures;
    case "exponential":
      return policy.delayMs * policy.factor ** (failures - 1);
  }
}
