/** What this room's routes and operations work with. */
import type { Config } from "../shared/config.ts";
import type { AgentRecord } from "./agent.ts";
import type { AgentDirectory } from "./directory.ts";
import type { AgentContract } from "./object/agent-contract.ts";
import type { AgentRegistry } from "./registry/registry.ts";

export interface AgentServices {
  readonly config: Config;
  readonly agents: AgentRegistry;
  readonly directory: AgentDirectory;
  readonly agentObject: (tenant: string, agent: string) => AgentContract;
  /** Wakes tasks that wait for what an agent offers. They would look again by themselves, but later. Never throws. */
  readonly pokeWaiting: (tenant: string, agent: AgentRecord) => Promise<void>;
}
