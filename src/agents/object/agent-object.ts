/**
 * The object of one agent: everything about it that must be exact. Who may use it now and who is next, whether it is left
 * alone, how it has done, whether it is there.
 *
 * O1. It is off the path of agents without limits: of their calls it hears later, in batches.
 * O2. A slot is stored before anybody is told of it, and who holds it is asked now and then (the alarm).
 * O3. What others decide on (status, breaker, statistics) is published: changes of status at once, figures now and then.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "../limits.ts";
import { log } from "../../shared/log.ts";
import type { AttemptOutcome } from "../../shared/outcome.ts";
import { keyOfAttempt, type AttemptName, type Slot, type StartAnswer } from "./admission.ts";
import type { AgentContract, AgentName, Release, SlotAnswer, SlotRequest } from "./agent-contract.ts";
import type { AgentState } from "../agent-state.ts";
import type { AgentRecord } from "../agent.ts";
import { ClaimFeed } from "./claim-feed.ts";
import { Condition } from "./condition.ts";
import { Door } from "./door.ts";
import { Alarm } from "../../objects/alarm.ts";
import { handOut } from "./hand-out.ts";
import { Holders } from "./holders.ts";
import type { AgentPorts } from "../port.ts";
import type { PulledCall } from "../transports/protocol.ts";
import { StoredAdmission } from "./stored-admission.ts";

export abstract class AgentObject<Env> extends DurableObject<Env> implements Omit<AgentContract, "fetch"> {
  readonly #ports: AgentPorts;
  readonly #feed: ClaimFeed;
  readonly #condition: Condition;
  readonly #door: Door;
  readonly #holders: Holders;
  readonly #slots: StoredAdmission;
  readonly #alarm: Alarm;

  constructor(ctx: DurableObjectState, env: Env, ports: AgentPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#feed = new ClaimFeed(ctx);
    this.#alarm = new Alarm(ctx.storage);
    this.#slots = new StoredAdmission(ctx.storage);
    this.#condition = new Condition(ctx.storage, ports, () => this.#feed.isAwaited);
    this.#door = new Door(this.#condition);
    this.#holders = new Holders(ctx, ports.holders, {
      drop: (name, slots) => this.release(name, slots.map(unused)),
      putBack: (name, slots) => this.#putBack(name, slots),
      answered: (slots) => this.#slots.exactly((admission) => slots.forEach((slot) => admission.trust(slot))),
      unanswered: (name, slots, askedAt) => this.#doubt(name, slots, askedAt),
    });
  }

  // --- Slots ---

  async ask(name: AgentName, requests: readonly SlotRequest[]): Promise<readonly SlotAnswer[]> {
    const record = await this.#record(name);
    const now = Date.now();
    const closed = this.#door.closed(record, now);
    if (record === null || closed !== null) {
      return requests.map(() => ({ type: "declined", ...(closed ?? { reason: "agent_gone", retryAt: now }) }));
    }
    this.#condition.identify(name);
    this.#holders.asked(requests);
    return this.#slots.exactly((slots) => {
      const full = requests.map((request) => !slots.join(request, request.priority, request.capability, now));
      const gate = this.#door.gate(record, now);
      const admitted = this.#admitNext(name, record, now, requests);
      const answers = requests.map((request, index): SlotAnswer => {
        if (full[index] === true) return { type: "declined", reason: "its line is full", retryAt: now + 10 * LIMITS.declineMs };
        // Its workers come for it, on trial too; what one of them is being handed is not granted here as well.
        if (record.kind === "pull") return { type: "waiting" };
        const grant = admitted.get(request) ?? slots.renew(request, now);
        if (grant !== null) return { type: "granted", grant };
        if (gate.type === "open") return { type: "waiting" };
        // Only probes go through: the others had better go elsewhere.
        slots.release(request);
        return { type: "declined", reason: "it is on trial after failures", retryAt: now + 2 * LIMITS.declineMs };
      });
      this.#keepAlarm(record, now);
      return answers;
    });
  }

  async start(name: AgentName, attempt: AttemptName, isLeaving: boolean): Promise<StartAnswer> {
    const record = await this.#record(name);
    return this.#slots.exactly((slots) => slots.start(attempt, record?.limits, Date.now(), isLeaving));
  }

  async release(name: AgentName, releases: readonly Release[]): Promise<void> {
    const record = await this.#record(name);
    const now = Date.now();
    if (record !== null) this.#condition.identify(name);
    this.#slots.exactly((slots) => {
      for (const { capability, outcome, grant, ...attempt } of releases) {
        const slot = slots.release(attempt, grant);
        // A release that comes twice says nothing the second time.
        if (slot !== null && outcome !== null && record !== null) this.#condition.learn(capability, outcome, slot.isProbe, record, now);
      }
      this.#conditionChanged(name, record, now);
      this.#admitNext(name, record, now, []);
      this.#keepAlarm(record, now);
    });
    if (record === null && this.#condition.name !== null) await this.#forgetUnused(name);
  }

  async positions(names: readonly AttemptName[]): Promise<readonly (number | null)[]> {
    return names.map((attempt) => this.#slots.now.position(attempt));
  }

  async claim(name: AgentName, most: number): Promise<readonly PulledCall[] | null> {
    const record = await this.#record(name);
    if (record?.kind !== "pull") return null;
    this.#condition.identify(name);
    this.#condition.seen(Date.now());
    this.#conditionChanged(name, record, Date.now());
    return handOut(most, {
      admit: () => this.#slots.exactly(() => this.#admitOne(record, Date.now())),
      hand: (slot) => this.#holders.hand(name, slot),
      leaves: (slot) => this.#slots.exactly((slots) => slots.start(slot, record.limits, Date.now(), true)),
      release: (slot) => void this.#slots.exactly((slots) => slots.release(slot, slot.grant)),
      putBack: (slot) => this.#slots.exactly((slots) => slots.putBack(slot, slot.grant)),
    });
  }

  /** The alarm that verifies the slot is set with it. */
  #admitOne(record: AgentRecord, now: number): Slot | undefined {
    if (this.#door.closed(record, now) !== null) return undefined;
    const [slot] = this.#slots.now.admit(record.limits, this.#door.gate(record, now), now, 1);
    this.#keepAlarm(record, now);
    return slot;
  }

  // --- What it is like ---

  async learn(name: AgentName, outcomes: readonly { readonly capability: string; readonly outcome: AttemptOutcome }[]): Promise<void> {
    const record = await this.#record(name);
    if (record === null) return;
    const now = Date.now();
    this.#condition.identify(name);
    for (const { capability, outcome } of outcomes) this.#condition.learn(capability, outcome, false, record, now);
    this.#conditionChanged(name, record, now);
    this.#keepAlarm(record, now);
  }

  async heartbeat(name: AgentName): Promise<AgentState> {
    const record = await this.#record(name);
    const now = Date.now();
    if (record !== null) {
      this.#condition.identify(name);
      this.#condition.seen(now);
      this.#conditionChanged(name, record, now);
      this.#keepAlarm(record, now);
    }
    return this.#state(record, now);
  }

  async state(name: AgentName): Promise<AgentState> {
    return this.#state(await this.#record(name), Date.now());
  }

  async registered(name: AgentName, how: "new" | "again" | "changed"): Promise<void> {
    const record = await this.#ports.record(name.tenant, name.agent, true);
    if (record === null) return;
    const now = Date.now();
    this.#condition.identify(name);
    this.#condition.registered(how, now);
    this.#conditionChanged(name, record, now, true);
    this.#slots.exactly(() => this.#admitNext(name, record, now, []));
    this.#keepAlarm(record, now);
  }

  async removed(name: AgentName): Promise<void> {
    const record = await this.#ports.record(name.tenant, name.agent, true);
    // It is back already, and has said so or will.
    if (record !== null) return this.#keepAlarm(record, Date.now());
    this.#slots.exactly(() => this.#admitNext(name, null, Date.now(), [])); // sends everybody away
    this.#feed.close();
    this.#condition.clear();
    await this.#forgetUnused(name);
  }

  /** Slots of an agent that is gone stay while somebody works: if it comes back, they are in use. */
  async #forgetUnused(name: AgentName): Promise<void> {
    const now = Date.now();
    if (this.#slots.now.held > 0) {
      const due = this.#slots.exactly((slots) => slots.toVerify(now));
      this.#holders.verify(name, due);
      return this.#alarm.ringBy(this.#slots.now.nextAt(undefined, now), now);
    }
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#slots.forget();
    this.#alarm.forget();
    this.#condition.forget();
  }

  /** A worker that waits for work. */
  override async fetch(request: Request): Promise<Response> {
    const name = this.#condition.name;
    const record = name === null ? null : await this.#record(name);
    return this.#feed.accept(request, record === null ? 0 : this.#door.room(record, this.#slots.now, Date.now()));
  }

  /** Workers have nothing to say here. */
  override webSocketMessage(): void {}

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
    const { name } = this.#condition;
    if (name !== null) await this.heartbeat(name); // until now it was there
  }

  // --- The alarm ---

  override async alarm(): Promise<void> {
    this.#alarm.forget();
    const name = this.#condition.name;
    if (name === null) return;
    const now = Date.now();
    // If this throws, the platform tries again; and whoever comes next sets an alarm that is missing.
    const record = await this.#record(name);
    if (record === null) return this.removed(name);
    const due = this.#slots.exactly((slots) => slots.toVerify(now));
    if (record.kind === "pull") this.#holders.verify(name, due);
    else this.#holders.grant(name, due);
    this.#condition.probe(record, now, () => this.#conditionChanged(name, record, Date.now()));
    this.#conditionChanged(name, record, now);
    this.#slots.exactly(() => this.#admitNext(name, record, now, []));
    await this.#condition.publishIfDue(name, () => this.#state(record, now), now);
    this.#keepAlarm(record, Date.now());
  }

  // --- Inside ---

  async #record(name: AgentName): Promise<AgentRecord | null> {
    return this.#ports.record(name.tenant, name.agent, false);
  }

  /**
   * Lets in whoever may be. Those among `asking` are told by their answer, which has the number of the grant; the others
   * through their tasks; a worker that waits, by being woken.
   */
  #admitNext(name: AgentName, record: AgentRecord | null, now: number, asking: readonly SlotRequest[]): ReadonlyMap<SlotRequest, number> {
    const closed = this.#door.closed(record, now);
    if (record === null || closed !== null) {
      if (closed !== null) this.#holders.decline(name, this.#slots.now.dismiss(), closed.reason, closed.retryAt);
      return NOBODY;
    }
    if (record.kind === "pull") {
      this.#feed.announce(this.#door.room(record, this.#slots.now, now));
      return NOBODY;
    }
    const admitted = this.#slots.now.admit(record.limits, this.#door.gate(record, now), now);
    const requests = new Map(asking.map((request) => [keyOfAttempt(request), request]));
    const told = new Map<SlotRequest, number>();
    const others: Slot[] = [];
    for (const slot of admitted) {
      const request = requests.get(keyOfAttempt(slot));
      if (request === undefined) others.push(slot);
      else told.set(request, slot.grant);
    }
    this.#holders.grant(name, others);
    return told;
  }

  async #putBack(name: AgentName, slots: readonly Slot[]): Promise<void> {
    const record = await this.#record(name);
    if (record === null) return this.release(name, slots.map(unused));
    this.#slots.exactly((admission) => {
      for (const slot of slots) admission.putBack(slot, slot.grant);
      this.#admitNext(name, record, Date.now(), []);
    });
  }

  async #doubt(name: AgentName, slots: readonly Slot[], askedAt: number): Promise<void> {
    const lost = this.#slots.exactly((admission) => slots.filter((slot) => admission.doubt(slot, askedAt)));
    if (lost.length === 0) return;
    log("error", "slots taken back from a task that does not answer", { ...name, task: lost[0]?.task ?? "", slots: lost.length });
    await this.release(name, []); // to somebody else
  }

  #conditionChanged(name: AgentName, record: AgentRecord | null, now: number, isTold = false): void {
    if (record === null) return;
    const told = this.#condition.changed(name, record, () => this.#state(record, now), now, isTold);
    // What could not be published is published by the alarm.
    this.ctx.waitUntil(told.then(() => this.#keepAlarm(record, Date.now())));
  }

  #state(record: AgentRecord | null, now: number): AgentState {
    return this.#condition.state(record, { inFlight: this.#slots.now.held, waiting: this.#slots.now.waiting }, now);
  }

  #keepAlarm(record: AgentRecord | null, now: number): void {
    if (record === null) return;
    this.#alarm.ringBy(this.#slots.now.nextAt(record.limits, now), now);
    this.#alarm.ringBy(this.#condition.nextAt(record, now), now);
  }
}

const NOBODY: ReadonlyMap<SlotRequest, number> = new Map();
const unused = ({ task, step, attempt, grant }: Slot): Release => ({ task, step, attempt, grant, capability: null, outcome: null });
