/** Agents that are part of the service: no network, no secrets, everywhere at once. */
import type { Json } from "../../shared/json.ts";
import { messageOf } from "../../shared/log.ts";
import { ok, type Result } from "../../shared/result.ts";
import type { AgentRecord } from "../agent.ts";
import type { AgentCall, Outcome } from "./protocol.ts";

type Execute = (call: AgentCall, work: BuiltinWork) => Result<Json, string> | Promise<Result<Json, string>>;

interface BuiltinAgent {
  readonly record: AgentRecord;
  readonly execute: Execute;
}

/** What the service has them do. The error of an answer says what is wrong with the input. */
export interface BuiltinWork {
  readonly bulk: (call: AgentCall) => Promise<Result<Json, string>>;
}

function builtin(id: string, description: string, execute: Execute): BuiltinAgent {
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

const agents: readonly BuiltinAgent[] = [
  builtin("echo", "Answers with its input.", ({ input }) => ok(input)),
  builtin("bulk", 'Does a page of what the workflow "bulk" is to do.', (call, work) => work.bulk(call)),
];

export const BUILTIN_AGENTS: readonly AgentRecord[] = agents.map((agent) => agent.record);

export function isBuiltinAgent(id: string): boolean {
  return agents.some((agent) => agent.record.id === id);
}

export async function callBuiltin(call: AgentCall, work: BuiltinWork): Promise<Outcome> {
  const agent = agents.find((candidate) => candidate.record.id === call.agent.id);
  if (agent === undefined) throw new Error(`Defect: no built-in agent "${call.agent.id}"`);
  try {
    const answer = await agent.execute(call, work);
    if (!answer.ok) return { type: "failed", error: { code: "invalid_input", message: answer.error, retryable: false } };
    return { type: "completed", output: answer.value, bytes: JSON.stringify(answer.value).length, ms: 0 };
  } catch (error) {
    return { type: "lost", message: messageOf(error) };
  }
}
