/**
 * How many tasks run at once under one key, and who is next: exact, and rebuilt from its store after an eviction.
 *
 * G1. At most `limit` places are held, whatever arrives together; the limit is that of the task submitted last. Where it
 *     falls, whoever is inside stays, and nobody is let in until there is room.
 * G2. The line has a static order: the time of submission, where a level of priority is worth `LIMITS.agingMs`. Newcomers
 *     only ever rank later with time, so nobody starves.
 * G3. A place is a lease (`shared/leases.ts`). One that is reserved for a task to be is given up unless that shows itself.
 * G4. Whoever cancels those before it goes by the order of submission, not of arrival: the newest wins, however late its
 *     predecessors come. Who runs keeps its place until it has ended.
 * G5. Of those that say so none begins after one that was submitted later, whatever has become of that one. The last of them
 *     that has begun is remembered for as long as one before it may be held back.
 */
import { LIMITS } from "./limits.ts";
import { earliest } from "../objects/alarm.ts";
import { Leases } from "../objects/leases.ts";
import { RankedLine } from "../objects/ranked-line.ts";
import { outdatedIn, type Entered, type Entrant, type Reserved } from "./entrant.ts";
import { isBefore, type Dismissed, type Holding, type Member, type Newest, type Waiting } from "./member.ts";

/** PERSISTED. Who said last how many there may be. */
export interface GateLimit {
  readonly limit: number;
  readonly saidAt: number;
}

/** Where a gate outlives the instance. Writing is synchronous. */
export interface GateStore {
  readonly members: () => readonly Member[];
  readonly put: (member: Member) => void;
  readonly delete: (task: string) => void;
  readonly limit: () => GateLimit | null;
  readonly putLimit: (limit: GateLimit) => void;
  readonly newest: () => Newest | null;
  readonly putNewest: (newest: Newest) => void;
}

const keyOf = ({ task }: { readonly task: string }): string => task;

export class Gate {
  readonly #store: GateStore;
  readonly #line: RankedLine<Waiting>;
  readonly #places: Leases<Holding>;
  readonly #dismissed: Map<string, Dismissed>;
  #limit: GateLimit;
  #newest: Newest | null;
  /** Those that cancel, and those that are to end: few, or none. */
  readonly #cancelers: Set<string>;
  readonly #ending: Set<string>;
  /** Let in since somebody asked who was. */
  #news: Holding[] = [];

  constructor(store: GateStore) {
    this.#store = store;
    const members = store.members();
    this.#limit = store.limit() ?? { limit: 1, saidAt: 0 };
    this.#newest = store.newest();
    this.#line = new RankedLine(
      members.filter((member) => member.state === "waiting"),
      keyOf,
    );
    this.#places = new Leases(
      members.filter((member) => member.state === "holding"),
      keyOf,
      { put: (_, place) => store.put(place), delete: store.delete },
    );
    this.#cancelers = new Set(members.filter(({ cancels }) => cancels === true).map(keyOf));
    this.#ending = new Set(this.#places.all.filter(({ canceledBy }) => canceledBy !== undefined).map(keyOf));
    this.#dismissed = new Map(members.filter((member) => member.state === "dismissed").map((member) => [member.task, member]));
  }

  get held(): number {
    return this.#places.size;
  }

  get isEmpty(): boolean {
    return this.#places.size + this.#line.length + this.#dismissed.size === 0;
  }

  /** Until when it knows of somebody who may make others outdated; 0 when of nobody. */
  get remembersUntil(): number {
    return this.#newest === null ? 0 : this.#newest.submittedAt + LIMITS.gateMemoryMs;
  }

  /** A task that exists wants to run. Asking again changes nothing, and tells it again what it may not have heard. */
  enter(entrant: Entrant, now: number): Entered {
    const { task } = entrant;
    const canceled = this.#dismissed.get(task);
    if (canceled !== undefined) return { type: "canceled", by: canceled.by };
    const place = this.#places.get(task);
    if (place !== undefined) {
      this.#began(place);
      return { type: "admitted", grant: this.#regrant(known(place), now).grant };
    }
    if (this.#line.get(task) === undefined) {
      this.#takeLimit(entrant);
      this.#admit(now);
      const turnedAway = this.#join(entrant);
      if (turnedAway !== null) return turnedAway;
    }
    this.#admit(now);
    const admitted = this.#places.get(task);
    return admitted === undefined ? { type: "waiting", position: this.position(task) } : { type: "admitted", grant: admitted.grant };
  }

  /** Keeps a place for a task that is only to be created if there is one. */
  reserve(entrant: Entrant, now: number): Reserved {
    const { task, submittedAt } = entrant;
    this.#takeLimit(entrant);
    this.#admit(now);
    const place = this.#places.get(task);
    // Its earlier submission may be about to give it back: by a number that is no longer that of this one.
    if (place !== undefined) return { type: "reserved", grant: this.#regrant(place, now).grant, isNew: false };
    if (this.#line.get(task) !== undefined) return { type: "reserved", grant: 0, isNew: false };
    const by = this.#occupant();
    if (by !== null) return { type: "taken", by };
    const grant = this.#places.nextGrant(now);
    const verifyAt = now + LIMITS.gateReserveMs;
    this.#places.keep({ state: "holding", task, submittedAt, grant, verifyAt, reserved: true, ...outdatedIn(entrant) });
    return { type: "reserved", grant, isNew: true };
  }

  /** Who was let in since this was asked last, and is to be told. */
  admitted(): readonly Holding[] {
    return this.#news.splice(0);
  }

  /** Lets in the next in line, as far as there is room. */
  #admit(now: number): void {
    for (let next = this.#line.first; next !== undefined && this.#places.size < this.#limit.limit; next = this.#line.first) {
      const { state: _, rank: __, ...member } = next;
      this.#line.leave(next);
      const grant = this.#places.nextGrant(now);
      this.#news.push(this.#places.keep({ ...member, state: "holding", grant, verifyAt: now + LIMITS.slotVerifyMs }));
      this.#began(member);
    }
  }

  /** Those before it that are not to begin any more leave the line. */
  #began({ task, submittedAt, outdated }: Omit<Member, "state">): void {
    const began = { task, submittedAt };
    if (outdated === undefined || (this.#newest !== null && !isBefore(this.#newest, began))) return;
    this.#newest = began;
    this.#store.putNewest(began);
    const overtaken = this.#line.all.filter((waiter) => waiter.outdated === "cancel" && isBefore(waiter, began));
    for (const waiter of overtaken) this.#dismiss(waiter, task);
  }

  /** Gives a place back, or leaves the line. With a number only the place of that grant. */
  leave(task: string, now: number, grant?: number): void {
    const hadPlace = this.#places.release(task, grant) !== null;
    if (!hadPlace && grant === undefined) this.#leaveLine(task);
    if (hadPlace || grant === undefined) this.#forget(task);
    this.#admit(now);
  }

  position(task: string): number | null {
    return this.#line.position(task);
  }

  /** Places whose holders are to be asked. */
  toVerify(now: number): readonly Holding[] {
    return this.#places.toVerify(now);
  }

  /** It knows that it has given its place in line away. */
  dismissed(task: string): void {
    if (this.#dismissed.delete(task)) this.#store.delete(task);
  }

  /** Tasks that are to be told to end, and why. */
  get toCancel(): readonly { readonly task: string; readonly by: string }[] {
    return [
      ...[...this.#ending].map((task) => ({ task, by: this.#places.get(task)?.canceledBy ?? "" })),
      ...[...this.#dismissed.values()].map(({ task, by }) => ({ task, by })),
    ];
  }

  /** A holder could not be asked: after long enough its place is somebody else's. Whether it is. */
  doubt(place: Holding, now: number): boolean {
    if (!this.#places.doubt(place, now)) return false;
    this.leave(place.task, now, place.grant);
    return true;
  }

  trust(place: Holding): void {
    this.#places.trust(place);
  }

  /** When somebody is to be asked or told; `null` while only others can change anything. */
  nextAt(now: number): number | null {
    return earliest(this.#places.nextVerifyAt, this.#ending.size + this.#dismissed.size > 0 ? now + LIMITS.gateTellMs : null);
  }

  #leaveLine(task: string): void {
    const waiter = this.#line.get(task);
    if (waiter === undefined) return this.dismissed(task);
    this.#line.leave(waiter);
    this.#store.delete(task);
  }

  #forget(task: string): void {
    this.#cancelers.delete(task);
    this.#ending.delete(task);
  }

  /** Gets into line, or why not. */
  #join(entrant: Entrant): Entered | null {
    const { task, submittedAt, priority, overlap } = entrant;
    if (entrant.outdated === "cancel" && this.#newest !== null && isBefore(entrant, this.#newest))
      return { type: "canceled", by: this.#newest.task };
    const by = overlap === "reject" ? this.#occupant() : null;
    if (by !== null) return { type: "refused", by };
    const canceler = this.#cancelerOf(entrant);
    if (canceler !== null) return { type: "canceled", by: canceler };
    const cancels = overlap === "cancel_previous";
    if (cancels) {
      const kept = this.#cancelBefore(entrant);
      if (kept !== null) return { type: "refused", by: kept };
      this.#cancelers.add(task);
    }
    if (this.#line.length >= LIMITS.gateLine) return { type: "waiting", position: null };
    const rank = submittedAt - priority * LIMITS.agingMs;
    const waiter: Waiting = { state: "waiting", task, submittedAt, rank, ...(cancels && { cancels }), ...outdatedIn(entrant) };
    this.#line.enter(waiter);
    this.#store.put(waiter);
    return null;
  }

  /**
   * Of all that are not to end, as many of the newest stay as there are places, the entrant among them, and those that wait for
   * it. Where that is too many nobody is canceled, and one that waits for it is returned.
   */
  #cancelBefore(entrant: Entrant): string | null {
    const { above = [] } = entrant;
    const staying = this.#staying;
    const tooMany = Math.max(0, staying.length + 1 - this.#limit.limit);
    const before = staying.filter((member) => isBefore(member, entrant) && !above.includes(member.task));
    const kept = before.length < tooMany ? staying.find(({ task }) => above.includes(task)) : undefined;
    if (kept !== undefined) return kept.task;
    for (const member of before.toSorted((a, b) => (isBefore(a, b) ? -1 : 1)).slice(0, tooMany)) {
      if (member.state === "waiting") this.#dismiss(member, entrant.task);
      else {
        this.#places.keep({ ...member, canceledBy: entrant.task });
        this.#ending.add(member.task);
      }
    }
    return null;
  }

  #dismiss(waiter: Waiting, by: string): void {
    this.#line.leave(waiter);
    this.#forget(waiter.task);
    const dismissed: Dismissed = { state: "dismissed", task: waiter.task, submittedAt: waiter.submittedAt, by };
    this.#dismissed.set(waiter.task, dismissed);
    this.#store.put(dismissed);
  }

  get #staying(): readonly (Holding | Waiting)[] {
    return [...this.#places.all.filter(({ canceledBy }) => canceledBy === undefined), ...this.#line.all];
  }

  /** A later one that would have canceled this one, had it come in time. */
  #cancelerOf(entrant: Entrant): string | null {
    if (this.#cancelers.size === 0) return null;
    const later = this.#staying.filter((member) => isBefore(entrant, member));
    return later.length < this.#limit.limit ? null : (later.find(({ cancels }) => cancels === true)?.task ?? null);
  }

  /** Somebody because of whom there is no room for a task that does not wait: the one submitted last. */
  #occupant(): string | null {
    if (this.#places.size < this.#limit.limit && this.#line.length === 0) return null;
    const all = [...this.#places.all, ...this.#line.all];
    return all.reduce((last, one) => (isBefore(last, one) ? one : last)).task;
  }

  #takeLimit({ limit, submittedAt }: Entrant): void {
    if (submittedAt < this.#limit.saidAt) return;
    this.#limit = { limit, saidAt: submittedAt };
    this.#store.putLimit(this.#limit);
  }

  #regrant(place: Holding, now: number): Holding {
    const trustedMs = place.reserved ? LIMITS.gateReserveMs : LIMITS.slotVerifyMs;
    return this.#places.keep({ ...place, grant: this.#places.nextGrant(now), verifyAt: now + trustedMs });
  }
}

/** It knows of its place now, or will: what was reserved is its own. */
function known(place: Holding): Holding {
  const { reserved: _, ...others } = place;
  return others;
}
