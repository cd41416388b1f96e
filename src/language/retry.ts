/** How a step is tried again. */
import { LIMITS } from "./limits.ts";
import { RULES, type Rules } from "./rules.ts";
import { backoffMs } from "../shared/backoff.ts";
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

/** Whoever asks for a pause and no ceiling has that pause; by the rules of the first release it was cut without a word. */
export function retryPolicy(definition: RetryDefinition = {}, rules: Rules = RULES): RetryPolicy {
  const delayMs = definition.delay === undefined ? DEFAULTS.retry.delayMs : durationMs(definition.delay);
  const usualMs = rules === 0 ? DEFAULTS.retry.maxDelayMs : Math.max(DEFAULTS.retry.maxDelayMs, delayMs);
  return {
    maxAttempts: definition.max_attempts ?? DEFAULTS.retry.maxAttempts,
    strategy: definition.strategy ?? "exponential",
    delayMs,
    factor: definition.factor ?? DEFAULTS.retry.factor,
    maxDelayMs: definition.max_delay === undefined ? usualMs : durationMs(definition.max_delay),
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
  return Math.round(Math.max(unjitteredDelayMs(policy, failures) * share, Math.min(retryAfterMs, LIMITS.retryAfterMs)));
}

function unjitteredDelayMs({ strategy, delayMs, factor, maxDelayMs }: RetryPolicy, failures: number): number {
  switch (strategy) {
    case "fixed":
      return Math.min(delayMs, maxDelayMs);
    case "linear":
      return Math.min(delayMs * failures, maxDelayMs);
    case "exponential":
      return backoffMs({ firstMs: delayMs, factor, mostMs: maxDelayMs }, failures);
  }
}
