/** The calls that the object makes itself. A new instance holds none of the requests that the last one awaited: it calls again. */
import type { Outcome } from "../../../agents/transports/protocol.ts";
import type { Attempt } from "../../../engine/state/step-state.ts";
import { aside } from "../../../objects/errands.ts";
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
import type { CallPool, Later } from "./call-pool.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfCall = CommandOf<"dispatch" | "abandon" | "settled">;

export class InlineCalls implements TaskErrand<OfCall> {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #agents: Agents;
  readonly #attempts: Attempts;
  readonly #pool: CallPool;
  readonly #timer = new AwakeTimer();

  constructor(ports: TaskPorts, runner: TaskRunner, agents: Agents, attempts: Attempts, pool: CallPool) {
    this.#ports = ports;
    this.#runner = runner;
    this.#agents = agents;
    this.#attempts = attempts;
    this.#pool = pool;
  }

  /** Whether the object would be awake anyway. */
  get isAwaiting(): boolean {
    return !this.#pool.isIdle;
  }

  /** As the engine wants to know it. */
  calledAt(step: string, attempt: number): number | "in_line" | null {
    return this.#pool.calledAt(keyOf({ step, attempt }));
  }

  run(loaded: Loaded, commands: readonly OfCall[]): void {
    for (const command of commands) {
      // A call made again after a restart may not have left, or not have been answered, when the reply comes by itself.
      if (command.type !== "dispatch") this.#pool.abandon(keyOf(command));
      else {
        const attempt = attemptAt(loaded, command);
        // Otherwise it was settled in the same flush.
        if (attempt?.way === "inline") this.#callAfterLosses(loaded, command, attempt);
      }
    }
  }

  again(loaded: Loaded): void {
    for (const { at, attempt } of unclaimed(loaded)) if (attempt.way === "inline") this.#call(at, attempt);
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return state.unclaimed > 0 ? now + LIMITS.unclaimedMs : null;
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
    this.#pool.start({
      key: keyOf(at),
      isFirst: attempt.slot,
      call: (controller, left) => this.#outcome(at, attempt, controller, left),
      done: (outcome) => void aside("reply not recorded, the alarm calls again", this.#replied(at, outcome)),
    });
  }

  /** The next call is under way by then, if there is one. */
  async #replied(at: AttemptOf, outcome: Outcome): Promise<void> {
    try {
      await this.#attempts.replied(at, outcome);
    } finally {
      if (this.#pool.isIdle) this.#timer.rest();
    }
  }

  /** Never throws: what goes wrong on our side is trouble of the platform for the attempt. */
  async #outcome(at: AttemptOf, { agent: id, slot }: Attempt, controller: AbortController, left: () => void): Promise<Outcome | Later> {
    try {
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
      const outcome = await this.#ports.agents.call(call.value, controller, this.#timer);
      this.#agents.heard(id, outcome);
      const isGone = outcome.type === "failed" && outcome.isGone === true && !controller.signal.aborted;
      if (isGone) this.#agents.distrust(loaded);
      return outcome;
    } catch (error) {
      return { type: "lost", message: messageOf(error) };
    }
  }
}
