/** Which agent gets a step. Pure: the same step, agents and seed always choose the same. */
import type { Target } from "../engine/graph.ts";
import type { AgentChoice, AgentLookup } from "../engine/world.ts";
import { unitFromText } from "../shared/random.ts";
import type { AgentRecord } from "./agent.ts";

/** The agents of a tenant as they were at one moment. */
export interface DirectorySnapshot {
  readonly at: number;
  readonly byId: ReadonlyMap<string, AgentRecord>;
  readonly byCapability: ReadonlyMap<string, readonly AgentRecord[]>;
}

export function snapshotOf(agents: readonly AgentRecord[], at: number): DirectorySnapshot {
  const byCapability = new Map<string, AgentRecord[]>();
  for (const agent of agents) {
    for (const { name } of agent.capabilities) {
      const offering = byCapability.get(name);
      if (offering === undefined) byCapability.set(name, [agent]);
      else offering.push(agent);
    }
  }
  return { at, byId: new Map(agents.map((agent) => [agent.id, agent])), byCapability };
}

/** Any agent that matches; the seed, which names the attempt, spreads attempts over all of them. */
export function select(target: Target, seed: string, snapshot: DirectorySnapshot): AgentRecord | null {
  if (target.type === "agent") return snapshot.byId.get(target.agent) ?? null;
  const offering = snapshot.byCapability.get(target.capability) ?? [];
  if (offering.length <= 1) return offering[0] ?? null;
  return offering[Math.floor(unitFromText(seed) * offering.length)] ?? null;
}

export function lookupIn(snapshot: DirectorySnapshot): AgentLookup {
  return {
    choose: (target, seed): AgentChoice | null => {
      const agent = select(target, seed, snapshot);
      return (
        agent && { agent: agent.id, way: agent.dispatch === "auto" ? null : agent.dispatch, expectedLatencyMs: agent.expectedLatencyMs }
      );
    },
  };
}
