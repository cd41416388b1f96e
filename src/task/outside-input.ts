/** What people and programs tell a task, with what it carries put where it belongs: inside the transaction that records it. */
import type { TaskInput } from "../engine/input.ts";
import { canReceive } from "../engine/kinds/signal.ts";
import type { Json } from "../shared/json.ts";
import type { ApprovalDecision } from "./contract.ts";
import type { Journal } from "./journal.ts";
import type { Loaded } from "./reading.ts";

export function signalInput(journal: Journal, name: string, payload: Json, key: string): (loaded: Loaded) => TaskInput {
  return ({ state }) => {
    // Nothing is stored of what nobody can receive.
    const stored = canReceive(state, name) ? journal.write(payload) : null;
    return { type: "signal", name, payload: stored ?? { value: null }, key };
  };
}

export function decisionInput(journal: Journal, approval: number, { payload, ...decision }: ApprovalDecision): () => TaskInput {
  return () => {
    const stored = payload === undefined ? null : journal.write(payload);
    return { ...decision, type: "decide", approval, ...(stored !== null && { payload: stored }) };
  };
}
