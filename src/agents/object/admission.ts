/**
 * Who may use an agent now, and who is next: exact, and rebuilt from its store after an eviction.
 *
 * A1. At most `maxConcurrency` slots are held, and at most `rate.count` calls leave in any `rate.perMs`, whatever arrives
 *     together. What is decided is stored in the same synchronous turn.
 * A2. A waiter's place is fixed when it joins: the earlier and the more urgent first, where one level of priority is worth
 *     `LIMITS.agingMs` of waiting, and where every waiter that a task has in line already puts its next one a little
 *     later. Newcomers only ever rank later with time, so nobody starves, and a large task does not bury a small one.
 * A3. A slot is a lease. Its holder is asked now and then whether it still holds it; who answers "no" loses it, and so does
 *     who cannot be asked for long. It carries the number of its grant, so that what was said of an earlier grant cannot
 *     take a later one away.
 */
import { earliest } from "../../objects/alarm.ts";
import { Leases, type Lease } from "../../objects/leases.ts";
import { LIMITS } from "../limits.ts";
import { RankedLine } from "../../objects/ranked-line.ts";
import type { AgentLimits } from "../agent.ts";
import { Starts, type StartStore } from "./starts.ts";

/** An attempt, by which slots and places in line are known. */
export interface AttemptName {
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
}

/** PERSISTED. Somebody in line. */
export interface Waiter extends AttemptName {
  readonly rank: number;
  readonly since: number;
  readonly capability: string | null;
}

/** PERSISTED. Somebody let in, who may have to go back to the same place in line. */
export interface Slot extends Waiter, Lease {
  readonly grantedAt: number;
  /** The agent is on trial, and this is one of its few chances. */
  readonly isProbe: boolean;
  /** Of an agent with a rate, while the call has not left: the moment that counts for it. */
  readonly startAt?: number;
  /** Nobody wants it any more, but somebody may be at work: free at that time, if it is not given back before. */
  readonly freeAt?: number;
  /** Of an agent that pulls: the claim of a worker that took it along. */
  readonly claim?: string;
}

/** When a call may leave: in so many milliseconds, or not soon, and then it is to be asked again shortly before that. */
export interface StartAnswer {
  readonly type: "go" | "later";
  readonly inMs: number;
}

/** Where slots, waiters and recent starts outlive the instance. Writing is synchronous. */
export interface AdmissionStore extends StartStore {
  readonly waiters: () => readonly Waiter[];
  readonly slots: () => readonly Slot[];
  readonly putWaiter: (key: string, waiter: Waiter) => void;
  readonly deleteWaiter: (key: string) => void;
  readonly putSlot: (key: string, slot: Slot) => void;
  readonly deleteSlot: (key: string) => void;
}

/** How many may be let in besides those inside: all that the limits allow, or a few probes. */
export type Allowance = { readonly type: "open" } | { readonly type: "probes"; readonly probes: number };

export function keyOfAttempt({ task, step, attempt }: AttemptName): string {
  return `${task}/${step}/${attempt}`;
}

export class Admission {
  readonly #store: AdmissionStore;
  readonly #line: RankedLine<Waiter>;
  readonly #slots: Leases<Slot>;
  readonly #waitersByTask = new Map<string, number>();
  readonly #starts: Starts;

  constructor(store: AdmissionStore) {
    this.#store = store;
    const slots = store.slots();
    this.#line = new RankedLine(store.waiters(), keyOfAttempt);
    this.#slots = new Leases(slots, keyOfAttempt, { put: store.putSlot, delete: store.deleteSlot });
    this.#starts = new Starts(
      store,
      slots.flatMap(({ startAt }) => startAt ?? []),
    );
    for (const waiter of this.#line.all) this.#countOf(waiter.task, 1);
  }

  get held(): number {
    return this.#slots.size;
  }

  get waiting(): number {
    return this.#line.length;
  }

  holds(name: AttemptName): boolean {
    return this.#slots.get(keyOfAttempt(name)) !== undefined;
  }

  slot(name: AttemptName): Slot | undefined {
    return this.#slots.get(keyOfAttempt(name));
  }

  /** How many of those in line may be let in now. `allowance` limits those let in on trial, not those from before. */
  vacancies(limits: AgentLimits | undefined, allowance: Allowance, now: number): number {
    const probing = allowance.type === "probes" ? this.#slots.all.filter(({ isProbe }) => isProbe).length : 0;
    return Math.max(
      0,
      Math.min(
        this.#line.length,
        LIMITS.slotsPerAgent - this.#slots.size,
        allowance.type === "probes" ? allowance.probes - probing : Number.POSITIVE_INFINITY,
        (limits?.maxConcurrency ?? Number.POSITIVE_INFINITY) - this.#slots.size,
        limits?.rate === undefined ? Number.POSITIVE_INFINITY : this.#starts.room(limits.rate, now),
      ),
    );
  }

  /** Joins the line, unless it is there or inside already. `false` when the line is full. */
  join(name: AttemptName, priority: number, capability: string | null, now: number): boolean {
    const key = keyOfAttempt(name);
    if (this.#slots.get(key) !== undefined || this.#line.get(key) !== undefined) return true;
    if (this.#line.length >= LIMITS.waitersPerAgent) return false;
    const { task, step, attempt } = name;
    const ahead = this.#waitersByTask.get(task) ?? 0;
    const rank = now - priority * LIMITS.agingMs + ahead * LIMITS.fairnessMs;
    this.#enter({ task, step, attempt, rank, since: now, capability });
    return true;
  }

  /** Slots that a worker's claim took along. */
  ofClaim(claim: string): readonly Slot[] {
    return this.#slots.all.filter((slot) => slot.claim === claim);
  }

  /** Lets in the next in line, at most `most` of them, as far as limits and allowance allow; for a claim, where they are for one. */
  admit(
    limits: AgentLimits | undefined,
    allowance: Allowance,
    now: number,
    most = Number.POSITIVE_INFINITY,
    claim?: string,
  ): readonly Slot[] {
    const admitted: Slot[] = [];
    const isProbe = allowance.type === "probes";
    for (let room = Math.min(most, this.vacancies(limits, allowance, now)); room > 0; room--) {
      const next = this.#line.first as Waiter;
      this.#leave(next);
      const hasRate = limits?.rate !== undefined;
      if (hasRate) this.#starts.plan(now);
      const granted = { grant: this.#slots.nextGrant(now), grantedAt: now, verifyAt: now + LIMITS.slotVerifyMs, isProbe };
      const taken = { ...(hasRate && { startAt: now }), ...(claim !== undefined && { claim }) };
      admitted.push(this.#slots.keep({ ...next, ...granted, ...taken }));
    }
    return admitted;
  }

  /**
   * When the call of an attempt that was let in may leave; `isLeaving`: it does then, and each that does is counted. What
   * has to wait for long keeps its turn meanwhile.
   */
  start(name: AttemptName, limits: AgentLimits | undefined, now: number, isLeaving: boolean): StartAnswer {
    const rate = limits?.rate;
    if (rate === undefined) return { type: "go", inMs: 0 };
    const slot = this.#slots.get(keyOfAttempt(name));
    const planned = slot?.startAt;
    // What lies ahead was planned for it. What does not is when it was let in, or a turn that it missed.
    const at = planned !== undefined && planned > now ? planned : this.#starts.earliest(rate, now);
    const type = at - now <= LIMITS.startNearMs ? "go" : "later";
    if (type === "go" ? !isLeaving : at === planned) return { type, inMs: at - now };
    if (planned !== undefined) this.#starts.cancel(planned);
    if (type === "go") this.#starts.add(at);
    else if (slot !== undefined) this.#starts.plan(at);
    if (slot !== undefined) {
      const { startAt: _, ...others } = slot;
      this.#slots.keep(type === "go" ? others : { ...others, startAt: at });
    }
    return { type, inMs: at - now };
  }

  /** Somebody who asks although it holds a slot may not know of it yet: the grant is given again, under a new number. */
  renew(name: AttemptName, now: number): number | null {
    const slot = this.#slots.get(keyOfAttempt(name));
    return slot === undefined ? null : this.#slots.keep({ ...slot, grant: this.#slots.nextGrant(now) }).grant;
  }

  /** A slot that nobody has taken along yet: back to its place in line. */
  putBack(name: AttemptName, grant: number): void {
    const slot = this.release(name, grant);
    if (slot === null) return;
    const { task, step, attempt, rank, since, capability } = slot;
    this.#enter({ task, step, attempt, rank, since, capability });
  }

  /** Its holder will be through with it then at the latest. */
  linger(name: AttemptName, until: number): void {
    const slot = this.#slots.get(keyOfAttempt(name));
    if (slot !== undefined) this.#slots.keep({ ...slot, freeAt: until });
  }

  /** Gives back those whose time is up. */
  releaseLingering(now: number): void {
    for (const slot of this.#slots.all) if (slot.freeAt !== undefined && slot.freeAt <= now) this.release(slot, slot.grant);
  }

  /** Gives a slot back, or leaves the line; the slot, if it was one. With a number only the slot of that grant. */
  release(name: AttemptName, grant?: number): Slot | null {
    const key = keyOfAttempt(name);
    const waiter = this.#line.get(key);
    if (waiter !== undefined && grant === undefined) this.#leave(waiter);
    const slot = this.#slots.release(key, grant);
    if (slot?.startAt !== undefined) this.#starts.cancel(slot.startAt);
    return slot;
  }

  /** Sends everybody in line away. */
  dismiss(): readonly Waiter[] {
    const dismissed = this.#line.all;
    for (const waiter of dismissed) this.#leave(waiter);
    return dismissed;
  }

  /** Slots whose holders are to be asked, and are trusted again for a while meanwhile. */
  toVerify(now: number): readonly Slot[] {
    return this.#slots.toVerify(now);
  }

  /** Its holder could not be asked. Whether it is taken back, because that has been so for long. */
  doubt(slot: Slot, now: number): boolean {
    return this.#slots.doubt(slot, now) && this.release(slot, slot.grant) !== null;
  }

  /** Its holder has answered. */
  trust(slot: Slot): void {
    this.#slots.trust(slot);
  }

  /** 1 for who is next, `null` for who is not in line. */
  position(name: AttemptName): number | null {
    return this.#line.position(keyOfAttempt(name));
  }

  /** When time alone may let somebody in or make a lease due; `null` while only a release can. */
  nextAt(limits: AgentLimits | undefined, now: number): number | null {
    const opensAt = this.#line.length > 0 && limits?.rate !== undefined ? this.#starts.opensAt(limits.rate) : null;
    const hasRoom = limits?.maxConcurrency === undefined || this.#slots.size < limits.maxConcurrency;
    // Once it is open, whoever has not been let in waits for something else, such as a worker.
    return earliest(this.#slots.nextVerifyAt, this.#nextFreeAt, hasRoom && opensAt !== null && opensAt > now ? opensAt : null);
  }

  get #nextFreeAt(): number | null {
    let next: number | null = null;
    for (const { freeAt } of this.#slots.all) if (freeAt !== undefined && (next === null || freeAt < next)) next = freeAt;
    return next;
  }

  #enter(waiter: Waiter): void {
    this.#line.enter(waiter);
    this.#countOf(waiter.task, 1);
    this.#store.putWaiter(keyOfAttempt(waiter), waiter);
  }

  #leave(waiter: Waiter): void {
    this.#line.leave(waiter);
    this.#countOf(waiter.task, -1);
    this.#store.deleteWaiter(keyOfAttempt(waiter));
  }

  #countOf(task: string, by: 1 | -1): void {
    const count = (this.#waitersByTask.get(task) ?? 0) + by;
    if (count === 0) this.#waitersByTask.delete(task);
    else this.#waitersByTask.set(task, count);
  }
}
