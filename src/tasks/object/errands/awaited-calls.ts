/**
 * The calls that the object awaits: those that it makes itself, and those that relays make for it. A new instance holds none
 * of the requests that the last one awaited: it calls again, and a relay that has the call already goes on with it.
 */
import type { Outcome } from "../../../agents/transports/protocol.ts";
import type { Attempt } from "../../../engine/state/step-state.ts";
import { aside } from "../../../objects/errands.ts";
import { TaskRelays } from "../../../relays/task-relays.ts";
import { AwakeTimer } from "../../../shared/awake-timer.ts";
import { backoffMs } from "../../../shared/backoff.ts";
import { messageOf } from "../../../shared/log.ts";
import type { Loaded } from "../../journal/load.ts";
import { LIMITS } from "../../limits.ts";
import type { AttemptOf } from "../../messages.ts";
import type { TaskPorts } from "../../ports.ts";
import { agentGone, type Agents } from "../agents.ts";
import { attemptAt, keyOf, unclaimed } from "../attempt-lookup.ts";
import type { Attempts } from "../attempts.ts";
import { callOf } from "../call.ts";
import type { TaskRunner } from "../runner.ts";
import { CallPool, type Later } from "./call-pool.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfCall = CommandOf<"dispatch" | "abandon" | "settled">;

export class AwaitedCalls implements TaskErrand<OfCall> {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #agents: Agents;
  readonly #attempts: Attempts;
  /** The object's own connections, and those of each relay. */
  readonly #own: CallPool;
  readonly #ofRelays = new Map<string, CallPool>();
  readonly #relays: TaskRelays;
  readonly #timer = new AwakeTimer();

  constructor(ports: TaskPorts, runner: TaskRunner, agents: Agents, attempts: Attempts, own: CallPool) {
    this.#ports = ports;
    this.#runner = runner;
    this.#agents = agents;
    this.#attempts = attempts;
    this.#own = own;
    this.#relays = new TaskRelays(ports.relays);
  }

  /** Whether the object would be awake anyway. */
  get isAwaiting(): boolean {
    return this.#pools().some((pool) => !pool.isIdle);
  }

  /** As the engine wants to know it. */
  calledAt(step: string, attempt: number): number | "in_line" | null {
    const key = keyOf({ step, attempt });
    for (const pool of this.#pools()) {
      const calledAt = pool.calledAt(key);
      if (calledAt !== null) return calledAt;
    }
    return null;
  }

  /** One more relay for the task. */
  relayFor(tenant: string): string {
    return this.#relays.lease(tenant);
  }

  run(loaded: Loaded, commands: readonly OfCall[]): void {
    for (const command of commands) {
      // A call made again after a restart may not have left, or not have been answered, when the reply comes by itself.
      if (command.type !== "dispatch") this.#abandon(keyOf(command));
      else {
        const attempt = attemptAt(loaded, command);
        // Otherwise it was settled in the same flush.
        if (attempt !== undefined && isAwaited(attempt)) this.#callAfterLosses(loaded, command, attempt);
      }
    }
  }

  again(loaded: Loaded): void {
    for (const { at, attempt } of unclaimed(loaded)) if (isAwaited(attempt)) this.#call(at, attempt);
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.unclaimed > 0 ? now + LIMITS.unclaimedMs : null;
  }

  startOver(): void {
    this.#ofRelays.clear();
    this.#relays.startOver();
  }

  #abandon(key: string): void {
    for (const pool of this.#pools()) pool.abandon(key);
  }

  #pools(): readonly CallPool[] {
    return this.#ofRelays.size === 0 ? [this.#own] : [this.#own, ...this.#ofRelays.values()];
  }

  #poolOf({ relay }: Attempt): CallPool {
    if (relay === null) return this.#own;
    let pool = this.#ofRelays.get(relay);
    if (pool === undefined) this.#ofRelays.set(relay, (pool = new CallPool(LIMITS.relayCalls)));
    return pool;
  }

  /** At once, or after a pause that grows while the platform is in trouble. Meanwhile the alarm may have called, with success. */
  #callAfterLosses(loaded: Loaded, at: AttemptOf, attempt: Attempt): void {
    if (attempt.losses === 0) return this.#call(at, attempt);
    const pauseMs = backoffMs({ firstMs: LIMITS.lostPauseMs, mostMs: LIMITS.unclaimedMs }, attempt.losses);
    setTimeout(() => {
      if (attemptAt(loaded, at)?.claim === null) this.#call(at, attempt);
    }, pauseMs);
  }

  #call(at: AttemptOf, attempt: Attempt): void {
    this.#poolOf(attempt).start({
      key: keyOf(at),
      isFirst: attempt.slot,
      call: (controller, left) => this.#outcome(at, attempt, controller, left),
      done: (outcome) => void aside("reply not recorded, the alarm calls again", this.#replied(at, attempt, outcome)),
    });
  }

  /** The next call is under way by then, if there is one. */
  async #replied(at: AttemptOf, { relay, losses }: Attempt, outcome: Outcome): Promise<void> {
    try {
      await this.#attempts.replied(at, outcome);
    } finally {
      if (this.#own.isIdle) this.#timer.rest();
    }
    if (relay !== null) await this.#recorded(at, relay, losses);
  }

  async #recorded(at: AttemptOf, relay: string, losses: number): Promise<void> {
    const loaded = await this.#runner.loaded();
    const { created, relays } = loaded.state;
    this.#relays.recorded({ tenant: created.tenant, relay }, sendingOf(loaded, at, losses), relays);
    if (!relays.has(relay) && this.#ofRelays.get(relay)?.isIdle === true) this.#ofRelays.delete(relay);
  }

  /** Never throws: what goes wrong on our side is trouble of the platform for the attempt. */
  async #outcome(at: AttemptOf, attempt: Attempt, controller: AbortController, left: () => void): Promise<Outcome | Later> {
    const { relay, agent, slot } = attempt;
    let leave: (() => void) | null = null;
    try {
      if (relay !== null) {
        const { tenant } = (await this.#runner.loaded()).state.created;
        leave = await this.#relays.enter({ tenant, agent, hasSlot: slot }, controller.signal);
      }
      return await this.#called(at, attempt, controller, left);
    } catch (error) {
      return { type: "lost", message: messageOf(error) };
    } finally {
      leave?.();
    }
  }

  async #called(
    at: AttemptOf,
    { agent: id, slot, relay, losses }: Attempt,
    controller: AbortController,
    left: () => void,
  ): Promise<Outcome | Later> {
    const loaded = await this.#runner.loaded();
    const agent = await this.#agents.record(loaded, id);
    if (agent === null) return { type: "failed", error: agentGone(id), isGone: true };
    const refusal = slot ? this.#agents.heldBack(loaded, id) : this.#agents.refusal(loaded, id);
    if (refusal !== null) return { type: "withheld", reason: refusal };
    const start = await this.#agents.start(loaded, agent, at, true);
    if (start.type === "later") return { type: "later", inMs: start.inMs };
    if (start.inMs > 0) await scheduler.wait(start.inMs, { signal: controller.signal });
    left();
    this.#runner.recovery.called();
    const call = callOf(loaded, at, agent, this.#runner.journal, this.#ports, Date.now());
    if (!call.ok) return { type: "failed", error: call.error };
    const { tenant } = loaded.state.created;
    const outcome = await (relay === null
      ? this.#ports.agents.call(call.value, controller, this.#timer)
      : this.#relays.call({ tenant, relay }, sendingOf(loaded, at, losses), call.value, controller.signal));
    this.#agents.heard(id, outcome);
    const isGone = outcome.type === "failed" && outcome.isGone === true && !controller.signal.aborted;
    if (isGone) this.#agents.distrust(loaded);
    return outcome;
  }
}

const isAwaited = ({ way }: Attempt): boolean => way === "inline" || way === "relay";

/** One that was lost is sent again under another name, and so is that of another task under this one's id. */
const sendingOf = ({ state }: Loaded, at: AttemptOf, losses: number): string =>
  `${state.created.task}/${state.createdAt}/${keyOf(at)}/${losses}`;
