/** Attempts as others see them: who may have one, what came of it, whether it is still wanted. */
import type { ClaimAnswer } from "../../agents/transports/dispatch-queue.ts";
import type { Holding } from "../../agents/port.ts";
import type { CarriedCall, Outcome } from "../../agents/transports/protocol.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import type { TaskInput } from "../../engine/facts/input.ts";
import type { Attempt } from "../../engine/state/step-state.ts";
import type { Answer } from "../../engine/transition.ts";
import { unlocksSomething } from "../../engine/rules/urgency.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { ok, type Result } from "../../shared/result.ts";
import { callOf, carried, inputFor } from "./call.ts";
import type { AttemptOf, Heartbeat } from "../messages.ts";
import { agentGone, type Agents } from "./agents.ts";
import { attemptAt, keyOf } from "./attempt-lookup.ts";
import type { QueueConsumers } from "./errands/queue-consumers.ts";
import type { QueueMessages } from "./errands/queue-messages.ts";
import type { SlotReleases } from "./errands/slot-releases.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import type { TaskRunner } from "./runner.ts";

export class Attempts {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  readonly #agents: Agents;
  readonly #messages: QueueMessages;
  readonly #consumers: QueueConsumers;
  readonly #releases: SlotReleases;

  constructor(
    ports: TaskPorts,
    runner: TaskRunner,
    agents: Agents,
    {
      messages,
      consumers,
      releases,
    }: { readonly messages: QueueMessages; readonly consumers: QueueConsumers; readonly releases: SlotReleases },
  ) {
    this.#ports = ports;
    this.#runner = runner;
    this.#agents = agents;
    this.#messages = messages;
    this.#consumers = consumers;
    this.#releases = releases;
  }

  /**
   * A queue consumer is about to call the agent: the call, `null` when it should not, or how long it should not yet.
   * `renews`: it will say now and then that it is there.
   */
  async claim(at: AttemptOf, delivery: number, renews = false): Promise<ClaimAnswer | null> {
    const inMs = await this.#leavesIn(at);
    if (inMs > LIMITS.startNearMs) return { type: "later", inMs };
    this.#consumers.heard(at);
    const call = await this.handOver(at, { ...at, type: "claim", delivery, ...(renews && { renews }) });
    return call && { type: "call", call };
  }

  /** A consumer that calls the agent is there still; whether anybody waits for the reply. */
  async renew(at: AttemptOf, delivery: number): Promise<boolean> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return false;
    const attempt = attemptAt(loaded, at);
    if (attempt?.claim?.via === "queue" && attempt.claim.delivery === delivery) {
      this.#consumers.heard(at);
      return true;
    }
    // It hangs up: now its slot is free.
    if (attempt === undefined) this.#releases.giveBack(loaded, at);
    return false;
  }

  async #leavesIn(at: AttemptOf): Promise<number> {
    const loaded = await this.#runner.ready();
    const attempt = loaded === null ? undefined : attemptAt(loaded, at);
    // A claim is taken over at once: whoever does so is asked about the rate when the call is about to leave.
    if (loaded === null || attempt === undefined || !attempt.slot || attempt.claim !== null) return 0;
    const agent = await this.#agents.record(loaded, attempt.agent);
    if (agent === null) return 0;
    const { type, inMs } = await this.#agents.start(loaded, agent, at, false);
    if (type === "later") this.#messages.postpone(at, inMs);
    return inMs;
  }

  /** Records who has the attempt from now on and gives them what they need for it; `null` when it is not wanted from them. */
  async handOver(at: AttemptOf, input: TaskInput, isAgain = false): Promise<CarriedCall | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const attempt = attemptAt(loaded, at);
    const agentId = attempt?.agent ?? null;
    // What was claimed already may be at the agent: the claim is taken over, whatever became of the agent.
    const isFree = agentId !== null && attempt?.claim === null && attempt.way !== null;
    const refusal = !isFree ? null : attempt.slot ? this.#agents.heldBack(loaded, agentId) : this.#agents.refusal(loaded, agentId);
    if (refusal !== null) {
      await this.#runner.apply({ ...at, type: "decline", reason: refusal, retryAt: 0, isReturned: true });
      return null;
    }
    const agent = agentId === null ? null : await this.#agents.record(loaded, agentId);
    const answer = await this.#runner.apply(input);
    // What somebody else has already is not handed over a second time.
    if (!answer.ok) return null;
    if (answer.value === "unchanged" && !(isAgain && attemptAt(await this.#runner.loaded(), at)?.claim?.via === "pull")) return null;
    const call = agent && callOf(await this.#runner.loaded(), at, agent, this.#runner.journal, this.#ports, Date.now());
    const sent = call?.ok === true ? carried(call.value) : call;
    if (sent?.ok) return sent.value;
    const error = sent?.error ?? agentGone(`${agentId}`);
    await this.#runner.apply({ ...at, type: "fail", error });
    return null;
  }

  /**
   * A worker of the agent takes the attempt along: the call, or `null` when nobody wants it any more. `isAgain`: the same
   * worker was to have it before and has not got it.
   */
  async hand(at: AttemptOf, isAgain = false): Promise<CarriedCall | null> {
    return this.handOver(at, { ...at, type: "grant", isPull: true }, isAgain);
  }

  /** Slots of an agent for attempts in line, or the question whether they are still held: `false` where nobody wants one. */
  async grant(attempts: readonly AttemptOf[]): Promise<readonly boolean[]> {
    if ((await this.#runner.ready()) === null) return attempts.map(() => false);
    await Promise.all(attempts.map((at) => this.#runner.apply({ ...at, type: "grant", isPull: false })));
    const loaded = await this.#runner.loaded();
    return attempts.map((at) => isUnderWay(loaded, at));
  }

  /** What became of attempts that workers were to take along. */
  async verify(attempts: readonly AttemptOf[]): Promise<readonly Holding[]> {
    const loaded = await this.#runner.ready();
    return attempts.map((at) => {
      if (loaded === null) return "gone";
      if (isUnderWay(loaded, at)) return "held";
      return attemptAt(loaded, at) === undefined ? "gone" : "wanted";
    });
  }

  /** The agent's line turned attempts away. */
  async decline(attempts: readonly AttemptOf[], reason: string, retryAt: number): Promise<void> {
    if ((await this.#runner.ready()) === null) return;
    await Promise.all(attempts.map((at) => this.#runner.apply({ ...at, type: "decline", reason, retryAt })));
  }

  /** Workers that took attempts along had hung up before they got them. */
  async undelivered(attempts: readonly AttemptOf[]): Promise<void> {
    if ((await this.#runner.ready()) === null) return;
    const reason = "its worker had hung up";
    await Promise.all(
      attempts.map(({ step, attempt }) => this.#runner.apply({ type: "decline", step, attempt, reason, retryAt: 0, isReturned: true })),
    );
  }

  /** What came of an attempt. With a digest the same reply may come again and is answered alike. */
  async report(at: AttemptOf, outcome: Outcome, digest?: string): Promise<Answer | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    if (outcome.type === "failed" && outcome.isGone) this.#agents.distrust(loaded);
    // Somebody is through with an attempt that was canceled meanwhile: now its slot is free. Who has accepted it only begins.
    if (outcome.type !== "accepted") this.#releases.giveBack(loaded, at);
    const reply = await this.#checked(loaded, at, outcome);
    const isUrgent = reply.type !== "completed" || unlocksSomething(loaded.state, at.step, this.#runner.pending);
    return this.#runner.apply(
      (current) =>
        inputFor(
          at,
          reply,
          (completed) =>
            attemptAt(current, at) === undefined ? { value: null } : this.#runner.journal.writeSized(completed.output, completed.bytes),
          digest,
        ),
      isUrgent,
    );
  }

  /** A reply that cannot be recorded, even tried again, must not be asked for again for ever: it fails its attempt. */
  async replied(at: AttemptOf, outcome: Outcome): Promise<void> {
    const report = async (): Promise<void> => void (await this.report(at, outcome));
    const error = { code: "internal", message: "The reply could not be recorded", retryable: false };
    await report()
      .catch(report)
      .catch(async () => void (await this.#runner.apply({ ...at, type: "fail", error })));
  }

  async heartbeat(at: AttemptOf, beat: Heartbeat): Promise<Result<{ readonly leaseUntil: number | null }, Rejection> | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const answer = await this.#runner.apply({ ...at, ...beat, type: "heartbeat" });
    // Who is told now that nobody waits for it stops working on it.
    if (!answer.ok) this.#releases.giveBack(loaded, at);
    if (!answer.ok) return answer;
    return ok({ leaseUntil: attemptAt(await this.#runner.loaded(), at)?.claim?.leaseUntil ?? null });
  }

  /** A reply that breaks what its agent promised is a failure. */
  async #checked(loaded: Loaded, at: AttemptOf, outcome: Outcome): Promise<Outcome> {
    const attempt = attemptAt(loaded, at);
    if (outcome.type !== "completed" || attempt === undefined) return outcome;
    const error = await this.#violation(loaded, attempt, outcome.output);
    return error === null ? outcome : { type: "failed", error, ...(outcome.ms !== undefined && { ms: outcome.ms }) };
  }

  /** A directory that cannot be read loses no reply. */
  async #violation(loaded: Loaded, { agent, capability }: Attempt, output: Json): Promise<Failure | null> {
    const record = await this.#agents.record(loaded, agent).catch(() => null);
    return record && this.#ports.agents.violation(record, capability, output);
  }
}

/** It is at work, or its request goes on although nobody waits for the reply. */
function isUnderWay(loaded: Loaded, at: AttemptOf): boolean {
  const until = loaded.state.lingering.get(keyOf(at))?.until ?? 0;
  return until > Date.now() || (attemptAt(loaded, at)?.way ?? null) !== null;
}
