/** Agents, what is known of them, and what a step asks for: the three things that a choice depends on. */
import type { AgentState } from "../../../src/agents/agent-state.ts";
import type { AgentRecord } from "../../../src/agents/agent.ts";
import { snapshotOf, type DirectorySnapshot } from "../../../src/agents/selection/selection.ts";
import type { CapabilityStatistics } from "../../../src/agents/object/statistics.ts";
import type { SelectDefinition } from "../../../src/language/agent-definition.ts";
import { selectionOf } from "../../../src/language/staffing.ts";
import type { AgentEvidence, Wanted } from "../../../src/engine/world.ts";

export const NOW = 1_000_000_000;

/** It offers `work` and has been there for long. */
export function agent(id: string, more: Partial<AgentRecord> = {}): AgentRecord {
  return {
    v: 1,
    id,
    kind: "http",
    name: id,
    description: null,
    url: "https://agent.example/",
    capabilities: [{ name: "work" }],
    auth: null,
    signing: "",
    cancelUrl: null,
    expectedLatencyMs: null,
    dispatch: "auto",
    createdAt: 0,
    updatedAt: 0,
    revision: 1,
    ...more,
  };
}

/** An agent's state as it was published a second ago. */
export function stateOf(more: Partial<AgentState> = {}): AgentState {
  return {
    v: 1,
    at: NOW - 1_000,
    status: "healthy",
    reason: null,
    since: 0,
    breaker: { status: "closed" },
    inFlight: 0,
    waiting: 0,
    capabilities: {},
    ...more,
  };
}

/** What so many calls of `work` came to. */
export function seen(calls: number, more: Partial<CapabilityStatistics> = {}): Pick<AgentState, "capabilities"> {
  const { successes = calls } = more;
  const figures = {
    calls,
    successes,
    faults: calls - successes,
    hedges: 0,
    latencyMs: 100,
    p50Ms: 100,
    p95Ms: 200,
    p99Ms: 300,
    costUsd: null,
    outcomes: { success: successes },
    totalCalls: calls,
    totalCostUsd: 0,
    totalTokens: 0,
    lastAt: NOW,
  };
  return { capabilities: { work: { ...figures, ...more } } };
}

/** So much has been seen of it that what is left to explore is nothing. */
export const KNOWN = 1e12;

export type Candidates = readonly (AgentRecord | readonly [agent: AgentRecord, state: AgentState])[];

export function directoryOf(...candidates: Candidates): DirectorySnapshot {
  const agents = candidates.map((candidate) => ("id" in candidate ? candidate : candidate[0]));
  const states = candidates.flatMap((candidate) => ("id" in candidate ? [] : [[candidate[0].id, candidate[1]] as const]));
  return snapshotOf(agents, new Map(states), NOW);
}

export function wanted({ select = {}, ...more }: Partial<Wanted> & { readonly select?: SelectDefinition } = {}): Wanted {
  return {
    target: { type: "capability", capability: "work" },
    selection: selectionOf(select),
    count: 1,
    seed: "task_1/a/1",
    turn: 0,
    stickyKey: null,
    barred: new Map(),
    tried: new Set(),
    prefer: null,
    input: () => ({}),
    withinMs: null,
    now: NOW,
    evidence: new Map(),
    busy: new Map(),
    ...more,
  };
}

/** What a task has seen of an agent that failed so often in a row just now. */
export function failed(inARow: number, more: Partial<AgentEvidence> = {}): AgentEvidence {
  return { successes: 0, faults: inARow, faultsInARow: inARow, lastFaultAt: NOW - 1_000, latencyMs: null, ...more };
}
