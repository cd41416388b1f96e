/** What a task asks about agents: who they are, whether to call them after all, when a call may leave. */
import type { AgentRecord } from "../../agents/agent.ts";
import type { StartAnswer } from "../../agents/object/admission.ts";
import type { Outcome } from "../../agents/transports/protocol.ts";
import { lookupIn } from "../../agents/selection/selection.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import { saysWhenToComeBack } from "../../engine/rules/patience.ts";
import type { Loaded } from "../journal/load.ts";
import { LIMITS } from "../limits.ts";
import type { AttemptOf } from "../messages.ts";
import { isoTime } from "../../shared/time.ts";
import type { TaskPorts } from "../ports.ts";

export class Agents {
  readonly #ports: TaskPorts;
  /** Agents that have just asked for patience, before that is recorded: what is in line must not leave meanwhile. */
  readonly #heldUntil = new Map<string, number>();

  constructor(ports: TaskPorts) {
    this.#ports = ports;
  }

  /** The record of an agent, if need be from D1. */
  async record(loaded: Loaded, id: string): Promise<AgentRecord | null> {
    const { tenant } = loaded.state.created;
    const known = this.#ports.directory.known(tenant, Date.now())?.byId.get(id);
    if (known !== undefined) return known;
    const loadedNow = (await this.#ports.directory.load(tenant, Date.now())).byId.get(id);
    return loadedNow ?? (await this.#ports.directory.refresh(tenant, Date.now())).byId.get(id) ?? null;
  }

  /**
   * Why an agent should not be called after all. Between choice and call an attempt may stand in line for a connection, or
   * in the queue, and others may have failed meanwhile.
   */
  refusal({ state }: Loaded, id: string): string | null {
    const now = Date.now();
    const held = this.#heldBack(state, id, now);
    if (held !== null) return held;
    const snapshot = this.#ports.directory.known(state.created.tenant, now);
    return snapshot && lookupIn(snapshot).refusal(id, state.evidenceByAgent, now);
  }

  /** … also of one that it has let in. */
  heldBack({ state }: Loaded, id: string): string | null {
    return this.#heldBack(state, id, Date.now());
  }

  #heldBack({ graph, evidenceByAgent }: Loaded["state"], id: string, now: number): string | null {
    if (graph.rules < 1) return null;
    const until = Math.max(evidenceByAgent.get(id)?.heldUntil ?? 0, this.#heldUntil.get(id) ?? 0);
    return now < until ? `it asked for patience until ${isoTime(until)}` : null;
  }

  /** What an agent has answered. */
  heard(id: string, outcome: Outcome): void {
    if (outcome.type !== "failed" || !saysWhenToComeBack(outcome.error)) return;
    this.#heldUntil.set(id, Date.now() + Math.min(outcome.error.retry_after_ms, LIMITS.unclaimedMs));
  }

  /** When the call of an attempt may leave. `isLeaving`: it does, if it may soon. */
  start({ state }: Loaded, agent: AgentRecord, { step, attempt }: AttemptOf, isLeaving: boolean): Promise<StartAnswer> {
    const { tenant, task } = state.created;
    return this.#ports.agents.start(tenant, agent, { task, step, attempt }, isLeaving);
  }

  /** What is known of agents turned out wrong. */
  distrust({ state }: Loaded): void {
    this.#ports.directory.forget(state.created.tenant);
  }

  /** Looks them up afresh. */
  async refresh({ state }: Loaded): Promise<void> {
    await this.#ports.directory.refresh(state.created.tenant, Date.now());
  }
}

export function agentGone(id: string): Failure {
  return { code: "agent_gone", message: `Agent "${id}" is not registered any more`, retryable: true };
}
