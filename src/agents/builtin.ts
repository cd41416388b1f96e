/** Agents that are part of the service: no network, no secrets, everywhere at once. */
import type { Json } from "../shared/json.ts";
import type { AgentRecord } from "./agent.ts";

interface BuiltinAgent {
  readonly record: AgentRecord;
  readonly execute: (input: Json) => Json;
}

function builtin(id: string, description: string, execute: (input: Json) => Json): BuiltinAgent {
  const record: AgentRecord = {
    v: 1,
    id,
    kind: "builtin",
    name: id,
    description,
    url: "",
    capabilities: [{ name: id }],
    auth: null,
    signing: "",
    cancelUrl: null,
    expectedLatencyMs: 0,
    dispatch: "inline",
    createdAt: 0,
    updatedAt: 0,
    revision: 1,
  };
  return { record, execute };
}

const agents: readonly BuiltinAgent[] = [builtin("echo", "Answers with its input.", (input) => input)];

export const BUILTIN_AGENTS: readonly AgentRecord[] = agents.map((agent) => agent.record);

export function isBuiltinAgent(id: string): boolean {
  return agents.some((agent) => agent.record.id === id);
}

export function executeBuiltin(id: string, input: Json): Json {
  const agent = agents.find((candidate) => candidate.record.id === id);
  if (agent === undefined) throw new Error(`Defect: no built-in agent "${id}"`);
  return agent.execute(input);
}
