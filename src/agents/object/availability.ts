/** Whether an agent takes work now, as far as its condition decides that. */
import { LIMITS } from "../limits.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import type { Admission, Allowance } from "./admission.ts";
import type { AgentRecord } from "../agent.ts";
import { breakerAt } from "./breaker.ts";
import type { AgentCondition } from "./agent-condition.ts";

export class Availability {
  readonly #condition: AgentCondition;

  constructor(condition: AgentCondition) {
    this.#condition = condition;
  }

  /** Why nobody is let in now, and when asking again may help; `null` where somebody may be. */
  refusal(record: AgentRecord | null, now: number): { readonly reason: string; readonly retryAt: number } | null {
    if (record === null) return { reason: "agent_gone", retryAt: now };
    const { status, reason } = this.#condition.health(record, now);
    const breaker = breakerAt(this.#condition.breaker, now);
    if (breaker.status === "open") return { reason: `left alone: ${breaker.reason}`, retryAt: breaker.until };
    if (status === "healthy" || status === "degraded") return null;
    return { reason: `${status}: ${reason}`, retryAt: now + 5 * LIMITS.declineMs };
  }

  /** On trial only a few are let in at a time. */
  allowance(record: AgentRecord, now: number): Allowance {
    const breaker = breakerAt(this.#condition.breaker, now);
    return breaker.status === "half_open"
      ? { type: "probes", probes: record.breaker?.probes ?? DEFAULTS.breaker.probes }
      : { type: "open" };
  }

  /** How many of those in line may be let in now. */
  vacancies(record: AgentRecord, admission: Admission, now: number): number {
    return this.refusal(record, now) === null ? admission.vacancies(record.limits, this.allowance(record, now), now) : 0;
  }
}
