/**
 * The base of the Durable Objects of all rooms.
 *
 * O1. What is written together is written together, with the alarm that it means. A change that throws leaves nothing,
 *     neither in storage nor in memory.
 * O2. An alarm is never lost. It is set again in one commit with the first thing it does, before it waits for anything; one
 *     that failed is set again before it does anything. What it throws is counted, and it comes again, later each time: the
 *     platform would give it up after six failures.
 * O3. While the configuration is not valid alarms come again and nothing is done.
 * O4. An object that is wiped leaves no storage.
 */
import { DurableObject } from "cloudflare:workers";
import { backoffMs } from "../shared/backoff.ts";
import { Unavailable } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import { log, messageOf } from "../shared/log.ts";
import { Alarm } from "./alarm.ts";
import { LIMITS } from "./limits.ts";

export abstract class RoomObject<Env, Ports, Name extends object> extends DurableObject<Env> {
  readonly #ports: Ports | null;
  readonly #alarm: Alarm;
  #name: Name | null = null;

  /** `ports`: what the object needs of the rest; `null` while the configuration is not valid. */
  constructor(ctx: DurableObjectState, env: Env, ports: Ports | null) {
    super(ctx, env);
    this.#ports = ports;
    this.#alarm = new Alarm(ctx.storage);
  }

  /** Does what is due and finds what was lost. `failures`: how often in a row that has failed. */
  protected abstract wake(name: Name, failures: number): void | Promise<void>;

  /** When the object must wake by itself, by what it has stored; `null`: never. */
  protected abstract nextWake(now: number): number | null;

  /** What memory says may not be so any more: the next who needs it reads it from storage. */
  protected abstract forget(): void;

  protected get ports(): Ports {
    if (this.#ports === null) throw new Unavailable("The service is not configured", "its settings are not valid");
    return this.#ports;
  }

  /** Whose object this is, once it has stored that; `null` for one that was only asked. */
  protected get name(): Name | null {
    return (this.#name ??= this.ctx.storage.kv.get<Name>("name") ?? null);
  }

  /** Stores whose object this is: an alarm comes without a name. */
  protected identify(name: Name): void {
    if (this.name === null) this.ctx.storage.kv.put("name", name);
  }

  /** All of a change, or nothing of it. */
  protected atomically<T>(change: (now: number) => T): T {
    const now = Date.now();
    try {
      return this.ctx.storage.transactionSync(() => {
        const made = change(now);
        this.wakeInTime(now);
        return made;
      });
    } catch (error) {
      this.#forget();
      throw error;
    }
  }

  /** Sets the alarm, unless it rings in time as it is. */
  protected wakeInTime(now: number): void {
    this.#alarm.ringBy(this.nextWake(now), now);
  }

  /** Sets the alarm to the moment at which there is something to do, also where it would ring before. */
  protected sleep(now: number): void {
    this.#alarm.ringAt(this.nextWake(now), now);
  }

  /** Sets the alarm if the platform has given it up, as it could before they were set again by themselves. */
  protected async repairAlarm(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) !== null) return;
    this.#alarm.forget();
    this.wakeInTime(Date.now());
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    this.#alarm.forget();
    if (this.#ports === null) return this.#comeAgain(0);
    const { name } = this;
    if (name === null) return;
    const { kv } = this.ctx.storage;
    const failures = Math.max(info?.retryCount ?? 0, kv.get<number>(FAILURES) ?? 0);
    if (failures > 0) this.#comeAgain(failures);
    try {
      const work = this.wake(name, failures);
      if (work !== undefined && !this.#alarm.isSet && this.name !== null) this.#comeAgain(failures);
      await work;
      if (failures > 0) kv.delete(FAILURES);
      if (this.name !== null) this.sleep(Date.now());
    } catch (error) {
      log("error", "alarm failed, will come again", { ...nameFacts(name), failures: failures + 1, error: messageOf(error) });
      if (this.name === null) return;
      this.#comeAgain(failures);
      kv.put(FAILURES, failures + 1);
    }
  }

  /** Does something that nobody waits for. What goes wrong is found again by the alarm. */
  protected aside(what: string, facts: Readonly<Record<string, Json>>, work: () => Promise<void>): void {
    this.ctx.waitUntil(work().catch((error: unknown) => log("warn", what, { ...facts, error: messageOf(error) })));
  }

  /** Nothing is left in storage, and whoever comes next finds an object that was never used. */
  protected async wipe(): Promise<void> {
    const emptied = [this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()];
    this.#forget();
    await Promise.all(emptied);
  }

  #comeAgain(failures: number): void {
    const now = Date.now();
    this.#alarm.ringAt(now + backoffMs({ firstMs: LIMITS.alarmRetryMs, mostMs: LIMITS.alarmRetryMaxMs }, failures + 1), now);
  }

  #forget(): void {
    this.#name = null;
    this.#alarm.forget();
    this.forget();
  }
}

/** PERSISTED while alarms fail: how often in a row they have. */
const FAILURES = "alarm_failures";

const nameFacts = (name: object) => name as Readonly<Record<string, Json>>;
