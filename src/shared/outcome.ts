/** What an attempt came to, as far as its agent is concerned. */

/**
 * `timeout`, `unavailable` and `invalid` are the agent's own faults. `refused` is the caller's (a 4xx), `throttled` the
 * agent asking for patience, `lost` trouble of the platform, `canceled` nobody's.
 */
export const OUTCOME_CLASSES = ["success", "timeout", "unavailable", "invalid", "refused", "throttled", "lost", "canceled"] as const;
export type OutcomeClass = (typeof OUTCOME_CLASSES)[number];

/** PERSISTED in the history queue. */
export interface AttemptOutcome {
  readonly class: OutcomeClass;
  /** From the start of the attempt to its reply; `null` where nobody saw the reply. */
  readonly ms: number | null;
  readonly costUsd: number | null;
  readonly tokens: number | null;
  /** Of these, where the agent tells them apart: they have prices of their own. */
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** The agent asked for patience, until then. */
  readonly heldUntil?: number;
  /** It was the second of two agents asked. */
  readonly hedge: boolean;
}

export function isFault(outcome: OutcomeClass): boolean {
  return outcome === "timeout" || outcome === "unavailable" || outcome === "invalid";
}

/** Whose fault a failure is. An agent that reports one itself says by `retryable` whether it might do better. */
export function classOf(error: {
  readonly code: string;
  readonly retryable: boolean;
  readonly status?: number;
  readonly by?: "agent";
}): OutcomeClass {
  // Where there is a status, the code is the agent's word and may be one of ours.
  if (error.status !== undefined) return classOfStatus(error.status);
  if (error.by === "agent") return error.retryable ? "unavailable" : "refused";
  switch (error.code) {
    case "timeout":
      return "timeout";
    case "agent_unreachable":
    case "agent_gone":
    case "redirect_refused":
      return "unavailable";
    case "reply_invalid":
    case "reply_too_large":
      return "invalid";
    case "expression_error":
    case "internal":
    case "attempt_lost":
    case "agent_misconfigured":
    case "url_refused":
      return "lost";
  }
  return error.retryable ? "unavailable" : "refused";
}

function classOfStatus(status: number): OutcomeClass {
  if (status === 429) return "throttled";
  return status >= 400 && status < 500 && status !== 408 ? "refused" : "unavailable";
}
