/**
 * The object of one agent: everything about it that must be exact. Who may use it now and who is next, whether it is left
 * alone, how it has done, whether it is there.
 *
 * O1. It is off the path of agents without limits: of their calls it hears later, in batches.
 * O2. A slot is stored before anybody is told of it, and who holds it is asked now and then (the alarm).
 * O3. What others decide on (status, breaker, statistics) is published: changes of status at once, figures now and then.
 */
import { DurableObject } from "cloudflare:workers";
import { DEFAULTS, LIMITS } from "../shared/limits.ts";
import type { AttemptOutcome } from "../shared/outcome.ts";
import { Admission, type AttemptName, type Gate } from "./admission.ts";
import { admissionRows } from "./admission-rows.ts";
import type { AgentContract, AgentName, Release, SlotAnswer, SlotRequest } from "./agent-contract.ts";
import type { AgentState } from "./agent-state.ts";
import type { AgentRecord } from "./agent.ts";
import { breakerAt } from "./breaker.ts";
import { ClaimFeed } from "./claim-feed.ts";
import { Condition } from "./condition.ts";
import { Holders } from "./holders.ts";
import type { AgentPorts } from "./port.ts";
import type { AgentCall } from "./protocol.ts";

export abstract class AgentObject<Env> extends DurableObject<Env> implements Omit<AgentContract, "fetch"> {
  readonly #ports: AgentPorts;
  readonly #feed: ClaimFeed;
  readonly #condition: Condition;
  readonly #holders: Holders;
  #admission: Admission | null = null;
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env, ports: AgentPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#feed = new ClaimFeed(ctx);
    this.#condition = new Condition(ctx.storage, ports);
    this.#holders = new Holders(ctx, ports.holders, (name, unheld) => this.#dropUnheld(name, unheld));
  }

  // --- Slots ---

  async ask(name: AgentName, requests: readonly SlotRequest[]): Promise<readonly SlotAnswer[]> {
    const record = await this.#record(name);
    const now = Date.now();
    const closed = this.#closed(record, now);
    this.#condition.identify(name);
    if (record === null || closed !== null) {
      return requests.map(() => ({ type: "declined", ...(closed ?? { reason: "agent_gone", retryAt: now }) }));
    }
    return this.#exactly(() => {
      const full = requests.map((request) => !this.#admissions.join(request, request.priority, request.capability, now));
      const gate = this.#gate(record, now);
      const admitted = this.#admitNext(name, record, now, requests);
      const answers = requests.map((request, index): SlotAnswer => {
        if (admitted.has(request) || this.#admissions.holds(request)) return { type: "granted" };
        if (full[index] === true) return { type: "declined", reason: "its line is full", retryAt: now + 10 * LIMITS.declineMs };
        if (gate.type === "open") return { type: "waiting" };
        // Only probes go through: the others had better go elsewhere.
        this.#admissions.release(request);
        return { type: "declined", reason: "it is on trial after failures", retryAt: now + 2 * LIMITS.declineMs };
      });
      this.#keepAlarm(record, now);
      return answers;
    });
  }

  async release(name: AgentName, releases: readonly Release[]): Promise<void> {
    const record = await this.#record(name);
    const now = Date.now();
    this.#exactly(() => {
      for (const { capability, outcome, ...attempt } of releases) {
        const slot = this.#admissions.release(attempt);
        // A release that comes twice says nothing the second time.
        if (slot !== null && outcome !== null) this.#learn(name, record, capability, outcome, slot.isProbe, now);
      }
      this.#conditionChanged(name, record, now);
      this.#admitNext(name, record, now, []);
      this.#keepAlarm(record, now);
    });
  }

  async positions(names: readonly AttemptName[]): Promise<readonly (number | null)[]> {
    return names.map((attempt) => this.#admissions.position(attempt));
  }

  async claim(name: AgentName, most: number): Promise<readonly AgentCall[] | null> {
    const record = await this.#record(name);
    if (record?.kind !== "pull") return null;
    const calls: AgentCall[] = [];
    this.#condition.identify(name);
    this.#condition.seen(Date.now());
    this.#conditionChanged(name, record, Date.now());
    while (calls.length < most && this.#closed(record, Date.now()) === null) {
      const now = Date.now();
      const admitted = this.#exactly(() => this.#admissions.admit(record.limits, this.#gate(record, now), now, most - calls.length));
      if (admitted.length === 0) break;
      const handed = await Promise.all(admitted.map((waiter) => this.#holders.hand(name, waiter)));
      calls.push(...handed.filter((call) => call !== null && call !== "unknown"));
      this.#exactly(() => admitted.forEach((waiter, index) => handed[index] === null && this.#admissions.release(waiter)));
    }
    this.#keepAlarm(record, Date.now());
    return calls;
  }

  // --- What it is like ---

  async learn(name: AgentName, outcomes: readonly { readonly capability: string; readonly outcome: AttemptOutcome }[]): Promise<void> {
    const record = await this.#record(name);
    if (record === null) return;
    const now = Date.now();
    for (const { capability, outcome } of outcomes) this.#learn(name, record, capability, outcome, false, now);
    this.#conditionChanged(name, record, now);
    this.#keepAlarm(record, now);
  }

  async heartbeat(name: AgentName): Promise<AgentState> {
    const record = await this.#record(name);
    const now = Date.now();
    this.#condition.identify(name);
    this.#condition.seen(now);
    this.#conditionChanged(name, record, now);
    if (record !== null) this.#keepAlarm(record, now);
    return this.#state(record, now);
  }

  async state(name: AgentName): Promise<AgentState> {
    return this.#state(await this.#record(name), Date.now());
  }

  async registered(name: AgentName, isNew: boolean): Promise<void> {
    const record = await this.#ports.record(name.tenant, name.agent, true);
    if (record === null) return;
    const now = Date.now();
    this.#condition.identify(name);
    this.#condition.registered(isNew, now);
    this.#conditionChanged(name, record, now);
    this.#exactly(() => this.#admitNext(name, record, now, []));
    this.#keepAlarm(record, now);
  }

  async removed(name: AgentName): Promise<void> {
    const dismissed = this.#admissions.dismiss();
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.#feed.close();
    this.#forget();
    this.#holders.decline(name, dismissed, "agent_gone", Date.now());
  }

  /** A worker that waits for work. */
  override async fetch(request: Request): Promise<Response> {
    return this.#feed.accept(request, this.#admissions.waiting);
  }

  override webSocketMessage(): void {
    // Workers have nothing to say here.
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  // --- The alarm ---

  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const name = this.#condition.name;
    if (name === null) return;
    const now = Date.now();
    // If this throws, the platform tries again; and whoever comes next sets an alarm that is missing.
    const record = await this.#record(name);
    if (record === null) return this.removed(name);
    this.#holders.grant(
      name,
      this.#exactly(() => this.#admissions.toVerify(now)),
    );
    this.#condition.probe(record, now, () => this.#conditionChanged(name, record, Date.now()));
    this.#conditionChanged(name, record, now);
    this.#exactly(() => this.#admitNext(name, record, now, []));
    await this.#condition.publishIfDue(name, () => this.#state(record, now), now);
    this.#keepAlarm(record, Date.now());
  }

  // --- Inside ---

  get #admissions(): Admission {
    return (this.#admission ??= new Admission(admissionRows(this.ctx.storage.sql)));
  }

  /** What is written together is written together, and memory never says more than the rows do. */
  #exactly<T>(change: () => T): T {
    try {
      return this.ctx.storage.transactionSync(change);
    } catch (error) {
      this.#admission = null;
      throw error;
    }
  }

  async #record(name: AgentName): Promise<AgentRecord | null> {
    return this.#ports.record(name.tenant, name.agent, false);
  }

  /** Why nobody is let in now. */
  #closed(record: AgentRecord | null, now: number): { readonly reason: string; readonly retryAt: number } | null {
    if (record === null) return { reason: "agent_gone", retryAt: now };
    const { status, reason } = this.#condition.health(record, now);
    const breaker = breakerAt(this.#condition.breaker, now);
    if (breaker.status === "open") return { reason: `left alone: ${breaker.reason}`, retryAt: breaker.until };
    if (status === "healthy" || status === "degraded") return null;
    // A worker that asks is there.
    if (status === "offline" && record.kind === "pull") return null;
    return { reason: `${status}: ${reason}`, retryAt: now + 5 * LIMITS.declineMs };
  }

  #gate(record: AgentRecord, now: number): Gate {
    const breaker = breakerAt(this.#condition.breaker, now);
    return breaker.status === "half_open"
      ? { type: "probes", probes: record.breaker?.probes ?? DEFAULTS.breaker.probes }
      : { type: "open" };
  }

  /** Lets in whoever may be; those among `asking` are told by their answer, the others through their tasks. */
  #admitNext(name: AgentName, record: AgentRecord | null, now: number, asking: readonly SlotRequest[]): ReadonlySet<SlotRequest> {
    const closed = this.#closed(record, now);
    if (record === null || closed !== null) {
      if (closed !== null) this.#holders.decline(name, this.#admissions.dismiss(), closed.reason, closed.retryAt);
      return NOBODY;
    }
    if (record.kind === "pull") {
      this.#feed.announce(this.#admissions.waiting);
      return NOBODY;
    }
    const admitted = this.#admissions.admit(record.limits, this.#gate(record, now), now);
    const told = new Set(asking.filter((request) => admitted.some((waiter) => isSame(waiter, request))));
    this.#holders.grant(
      name,
      admitted.filter((waiter) => !asking.some((request) => isSame(waiter, request))),
    );
    return told;
  }

  async #dropUnheld(name: AgentName, unheld: readonly AttemptName[]): Promise<void> {
    await this.release(
      name,
      unheld.map(({ task, step, attempt }) => ({ task, step, attempt, capability: null, outcome: null })),
    );
  }

  #learn(
    name: AgentName,
    record: AgentRecord | null,
    capability: string | null,
    outcome: AttemptOutcome,
    isProbe: boolean,
    now: number,
  ): void {
    this.#condition.identify(name);
    this.#condition.learn(capability || record?.capabilities[0]?.name || "", outcome, isProbe, record?.breaker, now);
  }

  #conditionChanged(name: AgentName, record: AgentRecord | null, now: number): void {
    if (record !== null) this.ctx.waitUntil(this.#condition.changed(name, record, () => this.#state(record, now), now));
  }

  #state(record: AgentRecord | null, now: number): AgentState {
    return this.#condition.state(record, { inFlight: this.#admissions.held, waiting: this.#admissions.waiting }, now);
  }

  #nextAlarm(record: AgentRecord, now: number): number | null {
    const moments = [this.#admissions.nextAt(record.limits), this.#condition.nextAt(record, now)].filter((at) => at !== null);
    return moments.length === 0 ? null : Math.min(...moments);
  }

  /** An alarm is only moved to an earlier time: moving costs a row. */
  #keepAlarm(record: AgentRecord | null, now: number): void {
    if (record === null) return;
    const next = this.#nextAlarm(record, now);
    if (next !== null && (this.#alarmAt === null || next < this.#alarmAt)) this.#setAlarm(Math.max(next, now + 1));
  }

  #setAlarm(at: number): void {
    this.#alarmAt = at;
    void this.ctx.storage.setAlarm(at);
  }

  #forget(): void {
    this.#admission = null;
    this.#alarmAt = null;
    this.#condition.forget();
  }
}

const NOBODY: ReadonlySet<SlotRequest> = new Set();

function isSame(a: AttemptName, b: AttemptName): boolean {
  return a.task === b.task && a.step === b.step && a.attempt === b.attempt;
}
