/** What a transition may know besides the journal: plain data and synchronous lookups. */
import type { Target } from "./graph.ts";
import type { Way } from "./event.ts";
import type { Values } from "./value.ts";

export interface World {
  readonly now: number;
  /** The agents as last seen, or `null` when that is too long ago to decide on. */
  readonly agents: AgentLookup | null;
  readonly values: Values;
  /** How many agents the object may await at once. */
  readonly inlinePlaces: number;
}

/** The port that selection fills. */
export interface AgentLookup {
  /** `seed` names the attempt. */
  readonly choose: (target: Target, seed: string) => AgentChoice | null;
}

export interface AgentChoice {
  readonly agent: string;
  /** Set where the agent, not its latency, decides. */
  readonly way: Way | null;
  /** As the agent declares it. */
  readonly expectedLatencyMs: number | null;
}
