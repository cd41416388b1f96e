/**
 * The task's effects. What is owed follows from the journal: an attempt that is in flight and has not shown that it
 * arrived is sent again, by the alarm or by the next instance. Nothing here is recorded.
 */
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import { assert } from "../../shared/result.ts";
import type { AttemptName } from "../../agents/object/admission.ts";
import type { AgentRecord } from "../../agents/agent.ts";
import type { DispatchMessage } from "../../agents/transports/dispatch-queue.ts";
import type { Outcome } from "../../agents/transports/protocol.ts";
import { lookupIn } from "../../agents/selection/selection.ts";
import type { Command } from "../../engine/facts/command.ts";
import { liveAttempt, type Attempt } from "../../engine/state/step-state.ts";
import { callOf } from "./call.ts";
import { InlineCalls, type Later } from "./inline-calls.ts";
import type { Journal } from "./journal.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import { SlotRequests, type SlotTask } from "./slot-requests.ts";

interface AttemptOf {
  readonly step: string;
  readonly attempt: number;
}

type Abandoned = Extract<Command, { readonly type: "abandon" }>;

/** What the outbox asks of and tells the task. */
export interface OutboxTask extends SlotTask {
  /** The task as it stands when a call's turn comes. */
  readonly ready: () => Promise<Loaded | null>;
  readonly replied: (at: AttemptOf, outcome: Outcome) => void;
  readonly agentsRefreshed: () => void;
}

export class Outbox {
  readonly #ports: TaskPorts;
  readonly #journal: Journal;
  readonly #task: OutboxTask;
  readonly #calls: InlineCalls;
  /** When and how often this instance sent what nobody has claimed. */
  readonly #sent = new Map<string, { readonly at: number; readonly sends: number }>();
  readonly #slots: SlotRequests;

  constructor(ports: TaskPorts, journal: Journal, task: OutboxTask) {
    this.#ports = ports;
    this.#journal = journal;
    this.#task = task;
    this.#calls = new InlineCalls(ports.settings.inlineCalls);
    this.#slots = new SlotRequests(ports.agents, task);
  }

  run(loaded: Loaded, commands: readonly Command[]): void {
    const messages: DispatchMessage[] = [];
    let refresh = false;
    for (const command of commands) {
      switch (command.type) {
        case "dispatch":
          this.#dispatch(loaded, command, messages);
          break;
        case "ask_slot":
        case "ask_slots":
          break; // below, all together
        case "ask_cache":
        case "fill_cache":
        case "free_cache":
        case "invalidate_cache":
        case "enter_gate":
        case "start_child":
        case "cancel_children":
        case "steer_children":
          break; // no agent's
        case "abandon":
          this.#abandon(loaded, command);
          this.#learn(loaded, command);
          break;
        case "settled":
          // A call made again after a restart may not have left, or not have been answered, when the reply comes by itself.
          this.#calls.abandon(keyOf(command));
          this.#learn(loaded, command);
          break;
        case "refresh_agents":
          refresh = true;
          break;
      }
    }
    this.#send(messages);
    this.#slots.run(loaded, commands);
    if (refresh) void this.#refreshAgents(loaded);
  }

  /** Whether the object would be awake anyway. */
  get isAwaiting(): boolean {
    return !this.#calls.isIdle;
  }

  /** A new instance holds none of the requests that the last one awaited. */
  recover(loaded: Loaded): void {
    for (const { at, attempt } of unclaimed(loaded)) if (attempt.way === "inline") this.#callInline(at, attempt);
    this.#slots.recover(loaded);
  }

  /** Sends again what may have been lost. Called by the alarm. */
  sendAgain(loaded: Loaded, now: number): void {
    this.recover(loaded);
    const messages: DispatchMessage[] = [];
    for (const { at, attempt } of unclaimed(loaded)) {
      if (attempt.way !== "queue") continue;
      const { at: sentAt, sends } = this.#sent.get(keyOf(at)) ?? { at: attempt.startedAt, sends: 1 };
      const pauseMs = Math.min(LIMITS.unclaimedMs * 2 ** (sends - 1), LIMITS.resendMaxMs);
      if (now - sentAt >= pauseMs) messages.push(this.#message(loaded, at, attempt, sends + 1, now));
    }
    this.#send(messages);
    this.#slots.askAgain(loaded, now);
  }

  /** The agent's statistics hear of an attempt's end: with its slot, or else on their own slow way. */
  #learn(loaded: Loaded, { agent, capability, slot, outcome }: Extract<Command, { type: "abandon" | "settled" }>): void {
    if (slot || agent === "" || this.#ports.agents.isBuiltin(agent)) return;
    this.#ports.agents.outcomes.add(loaded.state.created.tenant, agent, capability ?? "", outcome);
  }

  #dispatch(loaded: Loaded, at: AttemptOf, messages: DispatchMessage[]): void {
    const attempt = liveAttempt(loaded.state.stepByPath.get(at.step), at.attempt);
    if (attempt === undefined) return; // settled in the same flush
    if (attempt.way === "inline") this.#callAfterLosses(loaded, at, attempt);
    else messages.push(this.#message(loaded, at, attempt, 1, Date.now()));
  }

  /** At once, or after a pause that grows while the platform is in trouble. Meanwhile the alarm may have called, with success. */
  #callAfterLosses(loaded: Loaded, at: AttemptOf, attempt: Attempt): void {
    if (attempt.losses === 0) return this.#callInline(at, attempt);
    const pauseMs = Math.min(LIMITS.lostPauseMs * 2 ** (attempt.losses - 1), LIMITS.unclaimedMs);
    setTimeout(() => {
      const current = liveAttempt(loaded.state.stepByPath.get(at.step), at.attempt);
      if (current?.claim === null) this.#callInline(at, attempt);
    }, pauseMs);
  }

  #callInline(at: AttemptOf, attempt: Attempt): void {
    this.#calls.start({
      key: keyOf(at),
      isFirst: attempt.slot,
      call: (controller, left) => this.#call(at, attempt, controller, left),
      done: (outcome) => this.#task.replied(at, outcome),
    });
  }

  /** Never throws: what goes wrong on our side is trouble of the platform for the attempt. */
  async #call(at: AttemptOf, attempt: Attempt, controller: AbortController, left: () => void): Promise<Outcome | Later> {
    const { agent: agentId, slot } = attempt;
    try {
      const loaded = await this.#task.ready();
      assert(loaded !== null, "a call for a task that does not exist");
      const agent = await this.agent(loaded, agentId);
      if (agent === null) return agentGone(agentId);
      const refusal = slot ? null : this.refusal(loaded, agentId);
      if (refusal !== null) return { type: "withheld", reason: refusal };
      const start = await this.#ports.agents.start(loaded.state.created.tenant, agent, nameOf(loaded, at), true);
      if (start.type === "later") return { type: "later", inMs: start.inMs };
      if (start.inMs > 0) await scheduler.wait(start.inMs, { signal: controller.signal });
      left();
      const call = callOf(loaded, at, agent, this.#journal, this.#ports, Date.now());
      if (!call.ok) return { type: "failed", error: call.error };
      const outcome = await this.#ports.agents.call(call.value, controller);
      const isGone = outcome.type === "failed" && outcome.isGone === true && !controller.signal.aborted;
      if (isGone) this.#ports.directory.forget(loaded.state.created.tenant);
      return outcome;
    } catch (error) {
      return { type: "lost", message: messageOf(error) };
    }
  }

  /** In how long the call of an attempt that was sent out may leave: not before then is it worth asking for again. */
  async leavesIn(loaded: Loaded, at: AttemptOf, { agent: agentId }: Attempt): Promise<number> {
    const agent = await this.agent(loaded, agentId);
    if (agent === null) return 0;
    const { type, inMs } = await this.#ports.agents.start(loaded.state.created.tenant, agent, nameOf(loaded, at), false);
    if (type === "later") this.#sent.set(keyOf(at), { at: Date.now() + inMs, sends: this.#sent.get(keyOf(at))?.sends ?? 1 });
    return inMs;
  }

  /**
   * Why an agent should not be called after all. Between choice and call an attempt may stand in line for a place, or in the
   * queue, and others may have failed meanwhile.
   */
  refusal({ state }: Loaded, agent: string): string | null {
    const now = Date.now();
    const snapshot = this.#ports.directory.known(state.created.tenant, now);
    return snapshot && lookupIn(snapshot).refusal(agent, state.evidenceByAgent, now);
  }

  /** The record of an agent, if need be from D1. */
  async agent(loaded: Loaded, id: string): Promise<AgentRecord | null> {
    const { tenant } = loaded.state.created;
    const known = this.#ports.directory.known(tenant, Date.now())?.byId.get(id);
    if (known !== undefined) return known;
    const loadedNow = (await this.#ports.directory.load(tenant, Date.now())).byId.get(id);
    return loadedNow ?? (await this.#ports.directory.refresh(tenant, Date.now())).byId.get(id) ?? null;
  }

  #message(loaded: Loaded, at: AttemptOf, attempt: Attempt, sends: number, now: number): DispatchMessage {
    const { tenant, task } = loaded.state.created;
    this.#sent.set(keyOf(at), { at: now, sends });
    return { v: 1, tenant, task, ...at, send: attempt.losses * 100 + Math.min(sends, 99) };
  }

  #send(messages: readonly DispatchMessage[]): void {
    for (let from = 0; from < messages.length; from += 100) {
      this.#ports.agents.enqueue(messages.slice(from, from + 100)).catch((error: unknown) => {
        log("warn", "dispatch not sent, the alarm will", { error: messageOf(error), messages: messages.length });
      });
    }
  }

  #abandon(loaded: Loaded, at: Abandoned): void {
    this.#calls.abandon(keyOf(at));
    this.#sent.delete(keyOf(at));
    if (!at.inLine) void this.#tell(loaded, at);
  }

  async #tell(loaded: Loaded, at: Abandoned): Promise<void> {
    try {
      const agentId = at.agent === "" ? (loaded.state.stepByPath.get(at.step)?.agent ?? null) : at.agent;
      const agent = agentId === null ? null : await this.agent(loaded, agentId);
      if (agent === null || agent.cancelUrl === null) return;
      const call = callOf(loaded, at, agent, this.#journal, this.#ports, Date.now());
      if (call.ok && (await this.#ports.agents.tellCanceled(call.value, at.reason))) this.giveBack(loaded, at);
    } catch (error) {
      log("info", "agent not told of the cancellation", { step: at.step, error: messageOf(error) });
    }
  }

  async #refreshAgents(loaded: Loaded): Promise<void> {
    const { tenant } = loaded.state.created;
    try {
      await this.#ports.directory.refresh(tenant, Date.now());
      this.#task.agentsRefreshed();
    } catch (error) {
      log("warn", "agents not refreshed, the alarm looks again", { tenant, error: messageOf(error) });
    }
  }

  /** As the engine wants to know it. */
  calledAt(step: string, attempt: number): number | "in_line" | null {
    return this.#calls.calledAt(keyOf({ step, attempt }));
  }

  /** Nobody works any more on an attempt that was canceled: the slot that it kept so long is free. */
  giveBack(loaded: Loaded, at: AttemptOf): void {
    const lingering = loaded.state.lingering.get(keyOf(at));
    if (lingering !== undefined) this.#slots.giveBack(loaded, at, lingering.agent);
  }

  /** An attempt that has shown itself needs no resending. */
  claimed(at: AttemptOf): void {
    this.#sent.delete(keyOf(at));
  }
}

function nameOf({ state }: Loaded, { step, attempt }: AttemptOf): AttemptName {
  return { task: state.created.task, step, attempt };
}

function agentGone(agent: string): Outcome {
  return {
    type: "failed",
    error: { code: "agent_gone", message: `Agent "${agent}" is not registered any more`, retryable: true },
    isGone: true,
  };
}

const keyOf = ({ step, attempt }: AttemptOf): string => `${step}/${attempt}`;

function* unclaimed({ state }: Loaded): Iterable<{ readonly at: AttemptOf; readonly attempt: Attempt }> {
  if (state.unclaimed === 0) return;
  for (const { phase, path } of state.steps) {
    if (phase.status !== "running") continue;
    for (const attempt of phase.live) {
      if (attempt.claim === null && attempt.way !== null) yield { at: { step: path, attempt: attempt.number }, attempt };
    }
  }
}
