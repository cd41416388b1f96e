/**
 * The object of one key: which tasks run under it, and which are next; which one stands for a burst of submissions.
 *
 * O1. Who has a place is stored before anybody is told, together with the alarm that asks whether it is still needed.
 * O2. What does not arrive is repeated: a task that is let in is told until it has heard or ended, and so is one that is to
 *     end because a later one takes its place.
 * O3. A key that nobody uses any more leaves nothing behind.
 */
import { DurableObject } from "cloudflare:workers";
import { EarliestAlarm } from "../objects/earliest-alarm.ts";
import { LIMITS } from "./limits.ts";
import { log, messageOf } from "../shared/log.ts";
import { burstNow, type Burst } from "./burst.ts";
import type { GateContract, GateName, GatePorts } from "./gate-contract.ts";
import { Gate, type Entered, type Entrant, type Reserved } from "./gate.ts";
import { GateRows } from "./gate-rows.ts";
import type { Holding } from "./member.ts";

export abstract class GateObject<Env> extends DurableObject<Env> implements GateContract {
  readonly #ports: GatePorts;
  readonly #alarm: EarliestAlarm;
  #rows: GateRows;
  #gate: Gate | null = null;
  /** When this instance told a task last that it is to end. */
  readonly #toldAt = new Map<string, number>();

  constructor(ctx: DurableObjectState, env: Env, ports: GatePorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#alarm = new EarliestAlarm(ctx.storage);
    this.#rows = new GateRows(ctx.storage);
  }

  async enter(name: GateName, entrant: Entrant): Promise<Entered> {
    return this.#exactly(name, (gate, now) => gate.enter(entrant, now), entrant.task);
  }

  async reserve(name: GateName, entrant: Entrant): Promise<Reserved> {
    return this.#exactly(name, (gate, now) => gate.reserve(entrant, now));
  }

  async burst(name: GateName, asked: Burst, over: string | null): Promise<Burst> {
    return this.#exactly(name, (_, now) => {
      const known = this.#rows.burst;
      const current = burstNow(known, asked, over, now);
      if (current !== known) this.#rows.putBurst(current);
      return current;
    });
  }

  async leave(name: GateName, task: string, grant?: number): Promise<void> {
    if (this.#rows.name === null) return;
    this.#exactly(name, (gate, now) => {
      gate.leave(task, now, grant);
      if (grant === undefined && this.#rows.burst?.task === task) this.#rows.putBurst(null);
    });
    this.#toldAt.delete(task);
  }

  async position(task: string): Promise<number | null> {
    return this.#now.position(task);
  }

  override async alarm(): Promise<void> {
    this.#alarm.fired();
    const { name } = this.#rows;
    if (name === null) return;
    if (this.#now.isEmpty && (this.#rows.burst?.latestAt ?? 0) <= Date.now()) return this.#wipe();
    const due = this.#exactly(name, (gate, now) => gate.toVerify(now));
    for (const place of due) this.#tell(name, place);
  }

  // --- Inside ---

  get #now(): Gate {
    return (this.#gate ??= new Gate(this.#rows));
  }

  /** All of the change, or nothing of it. Those who are let in by it are told, but for who is `asking` and hears it now. */
  #exactly<T>(name: GateName, change: (gate: Gate, now: number) => T, asking: string | null = null): T {
    const now = Date.now();
    try {
      const answer = this.ctx.storage.transactionSync(() => {
        this.#rows.identify(name);
        const made = change(this.#now, now);
        // At the end one more alarm finds that nobody is left.
        this.#alarm.keep(this.#now.nextAt(now) ?? this.#rows.burst?.latestAt ?? now + LIMITS.slotVerifyMs, now);
        return made;
      });
      for (const place of this.#now.admitted()) if (place.task !== asking) this.#tell(name, place);
      this.#cancelAll(name, now);
      return answer;
    } catch (error) {
      this.#gate = null;
      this.#rows = new GateRows(this.ctx.storage);
      this.#alarm.fired();
      throw error;
    }
  }

  /** Lets a task in, or asks whether it is still there: what it does not hear, the alarm repeats. */
  #tell(name: GateName, place: Holding): void {
    const askedAt = Date.now();
    this.#aside("place not delivered yet", place.task, async () => {
      let isWanted: boolean;
      try {
        isWanted = await this.#ports.admit(name.tenant, place.task, name.key);
      } catch (error) {
        this.#exactly(name, (gate) => {
          if (gate.doubt(place, askedAt)) log("error", "place taken back from a task that does not answer", { ...name, task: place.task });
        });
        throw error;
      }
      this.#exactly(name, (gate, now) => (isWanted ? gate.trust(place) : gate.leave(place.task, now, place.grant)));
    });
  }

  #cancelAll({ tenant, key }: GateName, now: number): void {
    for (const { task, by } of this.#now.toCancel) {
      if (now - (this.#toldAt.get(task) ?? 0) < LIMITS.gateTellMs) continue;
      this.#toldAt.set(task, now);
      this.#aside("task not canceled yet", task, async () => {
        await this.#ports.cancel(tenant, task, `${by} takes its place`);
        this.#exactly({ tenant, key }, (gate) => gate.dismissed(task));
      });
    }
  }

  #aside(what: string, task: string, message: () => Promise<void>): void {
    this.ctx.waitUntil(message().catch((error: unknown) => log("warn", what, { task, error: messageOf(error) })));
  }

  async #wipe(): Promise<void> {
    const emptied = [this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()];
    this.#gate = null;
    this.#rows = new GateRows(this.ctx.storage);
    this.#toldAt.clear();
    await Promise.all(emptied);
  }
}
