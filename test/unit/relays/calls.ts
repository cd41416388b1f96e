/** Calls for relays, and agents that answer when they are told to. */
import type { AgentCall, Outcome } from "../../../src/agents/transports/protocol.ts";
import type { MakeCall } from "../../../src/relays/held-calls.ts";
import type { RelayedCall, RelayQuestion } from "../../../src/relays/relay-contract.ts";
import { jsonToBytes } from "../../../src/shared/json-bytes.ts";
import type { Json } from "../../../src/shared/json.ts";

export function callNamed(key: string, input: Json = key): RelayedCall {
  return {
    key,
    tenant: "acme",
    agent: {
      v: 1,
      id: "agent_1",
      kind: "http",
      name: "agent_1",
      description: null,
      url: "https://agent.example/",
      capabilities: [],
      auth: null,
      signing: "",
      cancelUrl: null,
      expectedLatencyMs: null,
      dispatch: "auto",
      createdAt: 0,
      updatedAt: 0,
      revision: 1,
    },
    taskId: "task_1",
    stepId: key,
    attempt: 1,
    capability: null,
    input: jsonToBytes(input),
    workflow: { name: null, version: null },
    deadline: null,
    callbackUrl: "",
    idempotencyKey: key,
    traceparent: "",
    timeoutMs: 60_000,
  };
}

export const NOTHING: RelayQuestion = { calls: [], awaited: [], recorded: [], unwanted: [] };

export const completed = (output: Json): Outcome => ({ type: "completed", output, bytes: 10 });

/** An agent whose calls are open until they are answered. */
export class Agent {
  /** Every call that began, in order. */
  readonly asked: string[] = [];
  readonly open = new Map<string, (outcome: Outcome) => void>();
  most = 0;

  readonly make: MakeCall = (call: AgentCall, controller) => {
    this.asked.push(call.stepId);
    return new Promise((resolve) => {
      const end = (outcome: Outcome): void => {
        this.open.delete(call.stepId);
        resolve(outcome);
      };
      this.open.set(call.stepId, end);
      this.most = Math.max(this.most, this.open.size);
      controller.signal.addEventListener("abort", () => end({ type: "lost", message: "hung up" }));
    });
  };

  answer(key: string, output: Json = key): void {
    this.open.get(key)?.(completed(output));
  }
}
