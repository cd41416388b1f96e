/**
 * The object of one agent: everything about it that must be exact. Who may use it now and who is next, whether it is left
 * alone, how it has done, whether it is there.
 *
 * O1. It is off the path of agents without limits: of their calls it hears later, in batches.
 * O2. A slot is stored before anybody is told of it, and who holds it is asked now and then (the alarm).
 * O3. What others decide on (status, breaker, statistics) is published: changes of status at once, figures now and then.
 */
import { earliest } from "../../objects/alarm.ts";
import { RoomObject } from "../../objects/room-object.ts";
import { randomText } from "../../shared/ids.ts";
import { log } from "../../shared/log.ts";
import type { AttemptOutcome } from "../../shared/outcome.ts";
import type { AgentRecord } from "../agent.ts";
import type { AgentState } from "../agent-state.ts";
import { LIMITS } from "../limits.ts";
import type { AgentPorts } from "../port.ts";
import type { PulledCall } from "../transports/protocol.ts";
import { Admission, type AttemptName, type Slot, type StartAnswer } from "./admission.ts";
import { AdmissionRows } from "./admission-rows.ts";
import { CLAIM_ID_LENGTH, type AgentContract, type AgentName, type Release, type SlotAnswer, type SlotRequest } from "./agent-contract.ts";
import { ClaimFeed } from "./claim-feed.ts";
import { AgentCondition } from "./agent-condition.ts";
import { Availability } from "./availability.ts";
import { Claims } from "./pulled-work.ts";
import { Holders, unusedSlot, whoIsTold } from "./holders.ts";

export abstract class AgentObject<Env> extends RoomObject<Env, AgentPorts, AgentName> implements Omit<AgentContract, "fetch"> {
  readonly #rows = new AdmissionRows(this.ctx.storage.sql);
  readonly #feed = new ClaimFeed(this.ctx);
  readonly #condition: AgentCondition;
  readonly #availability: Availability;
  readonly #holders: Holders;
  #admission: Admission | null = null;
  /** The registration as it was read last. */
  #record: AgentRecord | null = null;
  readonly #claims = new Claims();

  constructor(ctx: DurableObjectState, env: Env, ports: AgentPorts | null) {
    super(ctx, env, ports);
    this.#condition = new AgentCondition(
      ctx.storage.kv,
      () => this.ports,
      () => this.#feed.isAwaited,
    );
    this.#availability = new Availability(this.#condition);
    this.#holders = new Holders(
      () => this.ports.holders,
      (what, task, message) => this.aside(what, { task }, message),
      {
        drop: (name, slots) => this.release(name, slots.map(unusedSlot)),
        putBack: (name, slots) => this.#putBack(name, slots),
        answered: (slots) => this.atomically(() => slots.forEach((slot) => this.#slots.trust(slot))),
        unanswered: (name, slots, askedAt) => this.#doubt(name, slots, askedAt),
      },
    );
  }

  // --- Slots ---

  async ask(name: AgentName, requests: readonly SlotRequest[]): Promise<readonly SlotAnswer[]> {
    const record = await this.#read(name);
    const refusal = this.#availability.refusal(record, Date.now());
    if (record === null || refusal !== null) {
      return requests.map(() => ({ type: "declined", ...(refusal ?? { reason: "agent_gone", retryAt: Date.now() }) }));
    }
    this.#holders.asked(requests);
    return this.atomically((now) => {
      this.identify(name);
      const slots = this.#slots;
      const full = requests.map((request) => !slots.join(request, request.priority, request.capability, now));
      const allowance = this.#availability.allowance(record, now);
      const admitted = this.#admitNext(name, record, now, requests);
      return requests.map((request, index): SlotAnswer => {
        if (full[index] === true) return { type: "declined", reason: "its line is full", retryAt: now + 10 * LIMITS.declineMs };
        // Its workers come for it, on trial too; what one of them is being handed is not granted here as well.
        if (record.kind === "pull") return { type: "waiting" };
        const grant = admitted.get(request) ?? slots.renew(request, now);
        if (grant !== null) return { type: "granted", grant };
        if (allowance.type === "open") return { type: "waiting" };
        // Only probes go through: the others had better go elsewhere.
        slots.release(request);
        return { type: "declined", reason: "it is on trial after failures", retryAt: now + 2 * LIMITS.declineMs };
      });
    });
  }

  async start(name: AgentName, attempt: AttemptName, isLeaving: boolean): Promise<StartAnswer> {
    return this.#start(attempt, await this.#read(name), isLeaving);
  }

  #start(attempt: AttemptName, record: AgentRecord | null, isLeaving: boolean): StartAnswer {
    return this.atomically((now) => this.#slots.start(attempt, record?.limits, now, isLeaving));
  }

  async release(name: AgentName, releases: readonly Release[]): Promise<void> {
    const record = await this.#read(name);
    this.atomically((now) => {
      if (record !== null) this.identify(name);
      for (const { capability, outcome, grant, ...attempt } of releases) {
        const slot = this.#slots.release(attempt, grant);
        // A release that comes twice says nothing the second time.
        if (slot !== null && outcome !== null && record !== null) this.#condition.learn(capability, outcome, slot.isProbe, record, now);
      }
      if (record !== null) void this.#conditionChanged(name, record, now);
      this.#admitNext(name, record, now, []);
    });
    if (record === null && this.name !== null) await this.#forgetUnused(name);
  }

  async linger(name: AgentName, slots: Parameters<AgentContract["linger"]>[1]): Promise<void> {
    await this.#read(name);
    this.atomically((now) => {
      for (const { until, ...attempt } of slots) this.#slots.linger(attempt, Math.max(until, now));
    });
  }

  async positions(names: readonly AttemptName[]): Promise<readonly (number | null)[]> {
    return names.map((attempt) => this.#slots.position(attempt));
  }

  async claim(name: AgentName, most: number, claim = randomText(CLAIM_ID_LENGTH)): Promise<readonly PulledCall[] | null> {
    const record = await this.#read(name);
    if (record?.kind !== "pull") return null;
    this.#learned(name, record, (now) => this.#condition.seen(now));
    return this.#claims.answer(claim, most, () => ({
      taken: this.#slots.ofClaim(claim),
      admit: () => this.atomically((now) => this.#admitOne(record, claim, now)),
      hand: (slot, isAgain) => this.#holders.hand(name, slot, isAgain),
      leaves: (slot) => this.#start(slot, record, true),
      release: (slot) => void this.atomically(() => this.#slots.release(slot, slot.grant)),
      putBack: (slot) => this.atomically(() => this.#slots.putBack(slot, slot.grant)),
    }));
  }

  async undelivered({ tenant }: AgentName, attempts: readonly AttemptName[]): Promise<void> {
    await this.#holders.takeBack(tenant, attempts);
  }

  #admitOne(record: AgentRecord, claim: string, now: number): Slot | undefined {
    if (this.#availability.refusal(record, now) !== null) return undefined;
    return this.#slots.admit(record.limits, this.#availability.allowance(record, now), now, 1, claim)[0];
  }

  // --- What it is like ---

  async learn(name: AgentName, outcomes: readonly { readonly capability: string; readonly outcome: AttemptOutcome }[]): Promise<void> {
    const record = await this.#read(name);
    if (record === null) return;
    this.#learned(name, record, (now) => {
      for (const { capability, outcome } of outcomes) this.#condition.learn(capability, outcome, false, record, now);
    });
  }

  async heartbeat(name: AgentName): Promise<AgentState> {
    const record = await this.#read(name);
    if (record !== null) this.#learned(name, record, (now) => this.#condition.seen(now));
    return this.#state(record, Date.now());
  }

  async state(name: AgentName): Promise<AgentState> {
    return this.#state(await this.#read(name), Date.now());
  }

  async registered(name: AgentName, how: "new" | "again" | "changed"): Promise<void> {
    const record = await this.#read(name, true);
    if (record === null) return;
    this.atomically((now) => {
      this.identify(name);
      this.#condition.registered(how, now);
      void this.#conditionChanged(name, record, now, true);
      this.#admitNext(name, record, now, []);
    });
  }

  async removed(name: AgentName): Promise<void> {
    // It may be back already, and has said so or will.
    if ((await this.#read(name, true)) !== null) return this.wakeInTime(Date.now());
    this.atomically((now) => this.#admitNext(name, null, now, [])); // sends everybody away
    this.#feed.close();
    this.#condition.clear();
    await this.#forgetUnused(name);
  }

  /** Slots of an agent that is gone stay while somebody works: if it comes back, they are in use. */
  async #forgetUnused(name: AgentName): Promise<void> {
    if (this.#slots.held === 0) return this.wipe();
    const due = this.atomically((now) => this.#slots.toVerify(now));
    this.#holders.verify(name, due);
  }

  /** A worker that waits for work. */
  override async fetch(request: Request): Promise<Response> {
    const { name } = this;
    const record = name === null ? null : await this.#read(name);
    return this.#feed.accept(request, record === null ? 0 : this.#availability.vacancies(record, this.#slots, Date.now()));
  }

  /** Workers have nothing to say here. */
  override webSocketMessage(): void {}

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
    if (this.name === null) return;
    await this.heartbeat(this.name); // until now it was there
    await this.release(this.name, []); // what it was woken for and has not taken wakes another
  }

  // --- The alarm ---

  protected override async wake(name: AgentName): Promise<void> {
    const record = await this.#read(name);
    if (record === null) return this.removed(name);
    const { due, published } = this.atomically((now) => {
      this.#slots.releaseLingering(now);
      const due = this.#slots.toVerify(now);
      this.#condition.probe(record, now, () => void this.#conditionChanged(name, record, Date.now()));
      const published = this.#conditionChanged(name, record, now);
      this.#admitNext(name, record, now, []);
      return { due, published };
    });
    if (record.kind === "pull") this.#holders.verify(name, due);
    else this.#holders.grant(name, due);
    await published;
  }

  protected override nextWake(now: number): number | null {
    const record = this.#record;
    return earliest(this.#slots.nextAt(record?.limits, now), record && this.#condition.nextAt(record, now));
  }

  protected override forget(): void {
    this.#admission = null;
    this.#rows.forget();
    this.#condition.forget();
  }

  get #slots(): Admission {
    return (this.#admission ??= new Admission(this.#rows));
  }

  async #read(name: AgentName, isFresh = false): Promise<AgentRecord | null> {
    return (this.#record = await this.ports.record(name.tenant, name.agent, isFresh));
  }

  /** Lets in whoever may be. Who is `asking` is told by the answer, others through their tasks; a worker that waits is woken. */
  #admitNext(name: AgentName, record: AgentRecord | null, now: number, asking: readonly SlotRequest[]): ReadonlyMap<SlotRequest, number> {
    const refusal = this.#availability.refusal(record, now);
    if (record === null || refusal !== null) {
      if (refusal !== null) this.#holders.decline(name, this.#slots.dismiss(), refusal.reason, refusal.retryAt);
      return new Map();
    }
    if (record.kind === "pull") {
      this.#feed.announce(this.#availability.vacancies(record, this.#slots, now));
      return new Map();
    }
    const admitted = this.#slots.admit(record.limits, this.#availability.allowance(record, now), now);
    const { told, others } = whoIsTold(admitted, asking);
    this.#holders.grant(name, others);
    return told;
  }

  async #putBack(name: AgentName, slots: readonly Slot[]): Promise<void> {
    const record = await this.#read(name);
    if (record === null) return this.release(name, slots.map(unusedSlot));
    this.atomically((now) => {
      for (const slot of slots) this.#slots.putBack(slot, slot.grant);
      this.#admitNext(name, record, now, []);
    });
  }

  async #doubt(name: AgentName, slots: readonly Slot[], askedAt: number): Promise<void> {
    const lost = this.atomically(() => slots.filter((slot) => this.#slots.doubt(slot, askedAt)));
    if (lost.length === 0) return;
    log("error", "slots taken back from a task that does not answer", { ...name, task: lost[0]?.task ?? "", slots: lost.length });
    await this.release(name, []); // to somebody else
  }

  /** Something was found out about the agent. */
  #learned(name: AgentName, record: AgentRecord, learn: (now: number) => void): void {
    this.atomically((now) => {
      this.identify(name);
      learn(now);
      void this.#conditionChanged(name, record, now);
    });
  }

  /** Resolves when others know, or the alarm will tell them. Never throws. */
  #conditionChanged(name: AgentName, record: AgentRecord, now: number, isTold = false): Promise<void> {
    const changed = this.#condition.changed(name, record, () => this.#state(record, now), now, isTold);
    const told = changed.then(() => this.wakeInTime(Date.now()));
    this.ctx.waitUntil(told);
    return told;
  }

  #state(record: AgentRecord | null, now: number): AgentState {
    return this.#condition.state(record, { inFlight: this.#slots.held, waiting: this.#slots.waiting }, now);
  }
}
