/** Whether an agent takes work now, as far as its condition decides that. */
import { LIMITS } from "../limits.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import type { Admission, Gate } from "./admission.ts";
import type { AgentRecord } from "../agent.ts";
import { breakerAt } from "./breaker.ts";
import type { Condition } from "./condition.ts";

export class Door {
  readonly #condition: Condition;

  constructor(condition: Condition) {
    this.#condition = condition;
  }

  /** Why nobody is let in now, and when asking again may help; `null` when it is open. */
  closed(record: AgentRecord | null, now: number): { readonly reason: string; readonly retryAt: number } | null {
    if (record === null) return { reason: "agent_gone", retryAt: now };
    const { status, reason } = this.#condition.health(record, now);
    const breaker = breakerAt(this.#condition.breaker, now);
    if (breaker.status === "open") return { reason: `left alone: ${breaker.reason}`, retryAt: breaker.until };
    if (status === "healthy" || status === "degraded") return null;
    return { reason: `${status}: ${reason}`, retryAt: now + 5 * LIMITS.declineMs };
  }

  /** On trial only a few are let in at a time. */
  gate(record: AgentRecord, now: number): Gate {
    const breaker = breakerAt(this.#condition.breaker, now);
    return breaker.status === "half_open"
      ? { type: "probes", probes: record.breaker?.probes ?? DEFAULTS.breaker.probes }
      : { type: "open" };
  }

  /** How many of those in line may be let in now. */
  room(record: AgentRecord, admission: Admission, now: number): number {
    return this.closed(record, now) === null ? admission.room(record.limits, this.gate(record, now), now) : 0;
  }
}
