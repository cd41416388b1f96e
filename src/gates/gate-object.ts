/**
 * The object of one key: which tasks run under it, and which are next; which one stands for a burst of submissions.
 *
 * G1. Who has a place is stored before anybody is told, together with the alarm that asks whether it is still needed.
 * G2. What does not arrive is repeated: a task that is let in is told until it has heard or ended, and so is one that is to
 *     end because a later one takes its place.
 * G3. A key that nobody uses any more leaves nothing behind.
 */
import { RoomObject } from "../objects/room-object.ts";
import { log } from "../shared/log.ts";
import { burstNow, type Burst } from "./burst.ts";
import type { GateContract, GateName, GatePorts } from "./gate-contract.ts";
import type { Entered, Entrant, Reserved } from "./entrant.ts";
import { Gate } from "./gate.ts";
import { GateRows } from "./gate-rows.ts";
import { LIMITS } from "./limits.ts";
import type { Holding } from "./member.ts";

export abstract class GateObject<Env> extends RoomObject<Env, GatePorts, GateName> implements GateContract {
  readonly #rows = new GateRows(this.ctx.storage);
  #gate: Gate | null = null;
  /** When this instance told a task last that it is to end. */
  readonly #toldAt = new Map<string, number>();

  async enter(name: GateName, entrant: Entrant): Promise<Entered> {
    return this.#change(name, (gate, now) => gate.enter(entrant, now), entrant.task);
  }

  async reserve(name: GateName, entrant: Entrant): Promise<Reserved> {
    return this.#change(name, (gate, now) => gate.reserve(entrant, now));
  }

  async burst(name: GateName, asked: Burst, over: string | null): Promise<Burst> {
    return this.#change(name, (_, now) => {
      const known = this.#rows.burst;
      const current = burstNow(known, asked, over, now);
      if (current !== known) this.#rows.burst = current;
      return current;
    });
  }

  async leave(name: GateName, task: string, grant?: number): Promise<void> {
    if (this.name === null) return;
    this.#change(name, (gate, now) => {
      gate.leave(task, now, grant);
      if (grant === undefined && this.#rows.burst?.task === task) this.#rows.burst = null;
    });
    this.#toldAt.delete(task);
  }

  async position(task: string): Promise<number | null> {
    return this.#current.position(task);
  }

  // --- Waking and leaving ---

  protected override wake(name: GateName): void | Promise<void> {
    if (this.#current.isEmpty && this.#neededUntil <= Date.now()) return this.wipe();
    for (const place of this.#change(name, (gate, now) => gate.toVerify(now))) this.#tell(name, place);
  }

  /** At the end one more alarm finds that nobody is left. */
  protected override nextWake(now: number): number {
    const until = this.#neededUntil;
    return this.#current.nextAt(now) ?? (until > now ? until : now + LIMITS.slotVerifyMs);
  }

  protected override forget(): void {
    this.#gate = null;
    this.#rows.forget();
    this.#toldAt.clear();
  }

  // --- Inside ---

  /** By what it remembers, be nobody there. */
  get #neededUntil(): number {
    return Math.max(this.#rows.burst?.latestAt ?? 0, this.#current.remembersUntil);
  }

  get #current(): Gate {
    return (this.#gate ??= new Gate(this.#rows));
  }

  /** Those who are let in by the change are told, but for who is `asking` and hears it now. */
  #change<T>(name: GateName, change: (gate: Gate, now: number) => T, asking: string | null = null): T {
    const answer = this.atomically((now) => {
      this.identify(name);
      return change(this.#current, now);
    });
    for (const place of this.#current.admitted()) if (place.task !== asking) this.#tell(name, place);
    this.#cancelAll(name, Date.now());
    return answer;
  }

  /** Lets a task in, or asks whether it is still there: what it does not hear, the alarm repeats. */
  #tell(name: GateName, place: Holding): void {
    const askedAt = Date.now();
    this.aside("place not delivered yet", { task: place.task }, async () => {
      let isWanted: boolean;
      try {
        isWanted = await this.ports.admit(name.tenant, place.task, name.key);
      } catch (error) {
        this.#change(name, (gate) => {
          if (gate.doubt(place, askedAt)) log("error", "place taken back from a task that does not answer", { ...name, task: place.task });
        });
        throw error;
      }
      this.#change(name, (gate, now) => (isWanted ? gate.trust(place) : gate.leave(place.task, now, place.grant)));
    });
  }

  #cancelAll(name: GateName, now: number): void {
    for (const { task, by } of this.#current.toCancel) {
      if (now - (this.#toldAt.get(task) ?? 0) < LIMITS.gateTellMs) continue;
      this.#toldAt.set(task, now);
      this.aside("task not canceled yet", { task }, async () => {
        await this.ports.cancel(name.tenant, task, `${by} takes its place`, by);
        this.#change(name, (gate) => gate.dismissed(task));
      });
    }
  }
}
