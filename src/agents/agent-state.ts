/** What the object of an agent tells everybody about it: health, breaker, statistics. */
import type { BreakerState } from "./object/breaker.ts";
import type { CapabilityStatistics } from "./object/statistics.ts";

export const AGENT_STATUS = ["healthy", "degraded", "unhealthy", "draining", "offline"] as const;
export type AgentStatus = (typeof AGENT_STATUS)[number];

/** PERSISTED in D1: one row per agent that has been used or watched. */
export interface AgentState {
  readonly v: 1;
  /** When this was so. */
  readonly at: number;
  readonly status: AgentStatus;
  readonly reason: string | null;
  /** Since when it has had this status. */
  readonly since: number;
  readonly breaker:
    | { readonly status: "closed" }
    | { readonly status: "open"; readonly until: number; readonly reason: string }
    | { readonly status: "half_open" };
  /** Slots held and attempts in line: exact for an agent with limits or one that pulls, 0 for others. */
  readonly inFlight: number;
  readonly waiting: number;
  readonly capabilities: { readonly [name: string]: CapabilityStatistics };
}

/** Heartbeats and probes, as far as the agent has them. */
export interface HealthFacts {
  /** When it registered, sent a heartbeat or asked for work last. */
  readonly seenAt: number;
  /** Probes that failed in a row. */
  readonly failedProbes: number;
  readonly probeFault: string | null;
}

interface Watched {
  readonly heartbeatMs?: number;
  readonly draining?: boolean;
}

/** The worst that is known of it, with the reason in words. */
export function healthOf(
  agent: Watched,
  facts: HealthFacts,
  breaker: BreakerState,
  limits: { readonly missedHeartbeats: number; readonly failedProbes: number },
  now: number,
): { readonly status: AgentStatus; readonly reason: string | null } {
  const silentMs = now - facts.seenAt;
  if (agent.heartbeatMs !== undefined && silentMs >= agent.heartbeatMs * limits.missedHeartbeats) {
    return { status: "offline", reason: `no heartbeat for ${Math.round(silentMs / 1_000)} s` };
  }
  if (agent.draining === true) return { status: "draining", reason: "it takes no new work" };
  if (facts.failedProbes >= limits.failedProbes) {
    return { status: "unhealthy", reason: `${facts.failedProbes} health probes failed in a row: ${facts.probeFault}` };
  }
  if (breaker.status === "open") return { status: breaker.isAsked ? "degraded" : "unhealthy", reason: `left alone: ${breaker.reason}` };
  if (breaker.status === "half_open")
    return { status: "degraded", reason: `on trial after ${breaker.isAsked ? "it asked for patience" : "failures"}` };
  if (facts.failedProbes > 0) return { status: "degraded", reason: `a health probe failed: ${facts.probeFault}` };
  return { status: "healthy", reason: null };
}

export function breakerView(breaker: BreakerState): AgentState["breaker"] {
  switch (breaker.status) {
    case "closed":
    case "half_open":
      return { status: breaker.status };
    case "open":
      return { status: "open", until: breaker.until, reason: breaker.reason };
  }
}
