/** What an agent says of itself to who does not know it: an agent card as A2A v1 has it. */
import type { CheckedDefinition } from "./definition.ts";

/**
 * `url`: where the agent is called. The card describes and does not make it an A2A server: its one interface names the
 * orchestrator's contract, which A2A's own clients will pass over.
 */
export function agentCard({ name, description, version, capabilities }: CheckedDefinition, url: string) {
  return {
    name,
    description,
    version,
    supportedInterfaces: [{ url, protocolBinding: "urn:orchestrator:agent", protocolVersion: "1.0" }],
    capabilities: { streaming: false, pushNotifications: false, extendedAgentCard: false },
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: capabilities.map((offered) => ({
      id: offered.name,
      name: offered.name,
      description: offered.description ?? offered.name,
      tags: offered.tags ?? [],
    })),
  };
}
