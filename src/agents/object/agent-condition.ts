/** How an agent is: breaker, statistics, signs of life. Kept in its object's storage, published when others should know. */
import { earliest } from "../../objects/alarm.ts";
import { Projection } from "../../objects/projection.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import type { AttemptOutcome } from "../../shared/outcome.ts";
import type { AgentName } from "./agent-contract.ts";
import { breakerView, healthOf, type AgentState, type HealthFacts } from "../agent-state.ts";
import type { AgentRecord } from "../agent.ts";
import { breakerAt, CLOSED, recordOutcome, retrial, type BreakerState } from "./breaker.ts";
import type { AgentPorts } from "../port.ts";
import { Statistics, type StoredStatistics } from "./statistics.ts";

/** PERSISTED in the agent's object, under `condition`. */
interface StoredCondition {
  readonly v: 1;
  readonly breaker: BreakerState;
  readonly facts: HealthFacts;
  readonly status: Pick<AgentState, "status" | "since"> | null;
  readonly probedAt: number;
  /** What was published last, by its time, and what of that is known to have been stored; none by the release before. */
  readonly told?: number;
  readonly heard?: number;
}

const NEVER: HealthFacts = { seenAt: Number.MAX_SAFE_INTEGER, failedProbes: 0, probeFault: null };

type Loaded = Omit<StoredCondition, "v"> & { readonly statistics: Statistics };

export class AgentCondition {
  readonly #kv: SyncKvStorage;
  readonly #ports: () => AgentPorts;
  readonly #isAwaited: () => boolean;
  #loaded: Loaded | null = null;
  #publishedAt = 0;
  #isDirty = false;
  #isProbing = false;
  #telling: { readonly name: AgentName; readonly state: AgentState } | null = null;
  readonly #projection = new Projection<number>({
    current: () => this.#state.told ?? null,
    stored: () => this.#state.heard ?? null,
    store: () => this.#tell(),
    confirm: (at) => this.#heard(at),
  });

  /** `isAwaited`: whether some worker of the agent waits for work right now. */
  constructor(kv: SyncKvStorage, ports: () => AgentPorts, isAwaited: () => boolean) {
    this.#kv = kv;
    this.#ports = ports;
    this.#isAwaited = isAwaited;
  }

  get breaker(): BreakerState {
    return this.#state.breaker;
  }

  /** A sign of life. */
  seen(now: number): void {
    const { facts } = this.#state;
    this.#update({ facts: { ...facts, seenAt: now } });
    this.#isDirty = true;
  }

  /** A change of the registration by somebody is no sign of life, and says nothing about the agent. */
  registered(how: "new" | "again" | "changed", now: number): void {
    if (how === "changed") return;
    if (how === "new") this.#update({ statistics: new Statistics(now) });
    this.#update({ facts: { seenAt: now, failedProbes: 0, probeFault: null }, breaker: retrial(this.#state.breaker, now), probedAt: 0 });
    this.#save();
  }

  learn(capability: string | null, outcome: AttemptOutcome, isProbe: boolean, record: AgentRecord, now: number): void {
    const { statistics, breaker } = this.#state;
    statistics.add(capability || record.capabilities[0]?.name || "", outcome, now);
    const after = recordOutcome(breaker, outcome, isProbe, record.breaker, now);
    // What it did before its outage says little about how it will do.
    if (breaker.status !== "closed" && after.status === "closed" && !breaker.isAsked) statistics.restart();
    this.#update({ breaker: after });
    this.#isDirty = true;
    if (breaker.status !== after.status) this.#save();
  }

  health(record: AgentRecord, now: number) {
    const { facts, breaker } = this.#state;
    return healthOf(record, { ...facts, seenAt: this.#seenAt(record, now) }, breakerAt(breaker, now), LIMITS, now);
  }

  #seenAt(record: AgentRecord, now: number): number {
    if (this.#isAwaited()) return now;
    const { seenAt } = this.#state.facts;
    // Before its first sign of life the registration is one.
    return seenAt === NEVER.seenAt ? record.updatedAt : seenAt;
  }

  state(record: AgentRecord | null, load: { readonly inFlight: number; readonly waiting: number }, now: number): AgentState {
    const { status, breaker, statistics } = this.#state;
    const health = record === null ? { status: "healthy" as const, reason: null } : this.health(record, now);
    const capabilities = Object.entries(statistics.all(now))
      .toSorted(([, a], [, b]) => b.lastAt - a.lastAt)
      .slice(0, LIMITS.publishedCapabilities);
    return {
      v: 1,
      at: now,
      ...health,
      since: status?.status === health.status ? status.since : now,
      breaker: breakerView(breakerAt(breaker, now)),
      ...load,
      capabilities: Object.fromEntries(capabilities),
    };
  }

  /** Publishes a change of status at once, or what is `told` although it is none; figures once they have been silent for long. */
  async changed(name: AgentName, record: AgentRecord, stateNow: () => AgentState, now: number, isTold: boolean): Promise<void> {
    const before = this.#state.status;
    if (isTold || before?.status !== this.health(record, now).status) {
      const state = stateNow();
      this.#update({ status: { status: state.status, since: state.since } });
      this.#save();
      await this.#publish(name, state, now);
      const isBack = before !== null && before.status !== state.status && (state.status === "healthy" || state.status === "degraded");
      if (isBack) await this.#ports().poke(name.tenant, record);
    } else {
      await this.publishIfDue(name, stateNow, now);
    }
  }

  async publishIfDue(name: AgentName, stateNow: () => AgentState, now: number): Promise<void> {
    const owedAt = this.#projection.nextAt(now);
    const isDue = this.#isDirty && now >= this.#publishedAt + LIMITS.publishMs;
    if (isDue || (owedAt !== null && owedAt <= now)) await this.#publish(name, stateNow(), now);
  }

  /** Asks the health URL when it is time. Not awaited: the alarm has other things to do. */
  probe(record: AgentRecord, now: number, changed: () => void): void {
    const { health } = record;
    if (health === undefined || this.#isProbing || now < this.#state.probedAt + health.intervalMs) return;
    this.#isProbing = true;
    this.#update({ probedAt: now });
    void this.#probed(this.#ports().probe(health.url), changed);
  }

  async #probed(answer: Promise<string | null>, changed: () => void): Promise<void> {
    const fault = await answer;
    this.#isProbing = false;
    if (this.#loaded === null) return; // deleted meanwhile
    const { facts } = this.#state;
    this.#update({ facts: { ...facts, failedProbes: fault === null ? 0 : facts.failedProbes + 1, probeFault: fault } });
    if (fault !== null || facts.failedProbes > 0) this.#save();
    changed();
  }

  /** When time alone changes something: figures to publish, silence to notice, a probe to make, a trial to begin. */
  nextAt(record: AgentRecord, now: number): number | null {
    const { breaker, probedAt } = this.#state;
    const silentAt = record.heartbeatMs === undefined ? 0 : this.#seenAt(record, now) + record.heartbeatMs * LIMITS.missedHeartbeats;
    const isProbed = record.health !== undefined && !this.#isProbing;
    return earliest(
      this.#isDirty ? this.#publishedAt + LIMITS.publishMs : null,
      this.#projection.nextAt(now),
      silentAt > now ? silentAt : null,
      isProbed ? Math.max(now, probedAt + record.health.intervalMs) : null,
      breaker.status === "open" && breaker.until > now ? breaker.until : null,
    );
  }

  /** Of an agent that is gone only the name is kept, which its alarm needs. */
  clear(): void {
    this.#kv.delete("condition");
    this.#kv.delete("statistics");
    this.forget();
  }

  /** The storage was emptied. */
  forget(): void {
    this.#loaded = null;
    this.#isDirty = false;
    this.#telling = null;
    this.#projection.startOver();
  }

  get #state(): Loaded {
    if (this.#loaded !== null) return this.#loaded;
    const stored = this.#kv.get<StoredCondition>("condition");
    const statistics = new Statistics(Date.now(), this.#kv.get<StoredStatistics>("statistics"));
    const { breaker = CLOSED, facts = NEVER, status = null, probedAt = 0 } = stored ?? {};
    const publication = stored?.told === undefined ? {} : { told: stored.told, ...(stored.heard !== undefined && { heard: stored.heard }) };
    return (this.#loaded = { breaker, facts, status, probedAt, statistics, ...publication });
  }

  #update(change: Partial<Loaded>): void {
    this.#loaded = { ...this.#state, ...change };
  }

  async #publish(name: AgentName, state: AgentState, now: number): Promise<void> {
    this.#isDirty = false;
    // Later than what was published before, also within one millisecond: D1 keeps the latest.
    this.#publishedAt = Math.max(now, this.#publishedAt + 1);
    this.#telling = { name, state: { ...state, at: this.#publishedAt } };
    this.#update({ told: this.#publishedAt });
    this.#save();
    this.#kv.put("statistics", this.#state.statistics.stored());
    await this.#projection.publish().catch((error: unknown) => {
      log("warn", "state not published, will be", { ...name, error: messageOf(error) });
    });
  }

  async #tell(): Promise<void> {
    if (this.#telling === null) throw new Error("what was to be published is not known any more");
    const { name, state } = this.#telling;
    await this.#ports().publish(name.tenant, name.agent, state);
  }

  #heard(at: number): void {
    // Deleted meanwhile, nothing is kept of it.
    if (this.#loaded?.told === undefined) return;
    this.#update({ heard: at });
    this.#save();
  }

  #save(): void {
    const { statistics: _, ...condition } = this.#state;
    this.#kv.put("condition", { v: 1, ...condition } satisfies StoredCondition);
  }
}
