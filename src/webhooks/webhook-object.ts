/**
 * The object of one endpoint: what it is to be told, what became of that, and whether it should be told anything more.
 *
 * W1. A delivery is stored, and the alarm set, before anybody is told that it was accepted. It is then sent until it has
 *     arrived or is given up; a crash may send it again, under the same id.
 * W2. Nobody waits for a request: what is due is sent by whoever is awake, and by the alarm if that is nobody any more.
 * W3. What one endpoint does costs no other one anything: each has its own object.
 */
import { DurableObject } from "cloudflare:workers";
import { LIMITS } from "./limits.ts";
import { log, messageOf } from "../shared/log.ts";
import { Alarm } from "../objects/alarm.ts";
import { freshCondition, learned, type Condition, type Lesson } from "./condition.ts";
import type { Answer, DueDelivery, LoggedDelivery, NewDelivery, Try, Verdict } from "./delivery.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { TEST_EVENT } from "./events.ts";
import { verdictOn } from "./ladder.ts";
import { Registration } from "./registration.ts";
import type { DeliveryFilter, WebhookContract, WebhookName, WebhookPorts, WebhookState } from "./webhook-contract.ts";
import type { WebhookRecord } from "./webhook.ts";

export abstract class WebhookObject<Env> extends DurableObject<Env> implements WebhookContract {
  readonly #ports: WebhookPorts;
  #log: DeliveryLog;
  readonly #alarm: Alarm;
  readonly #registration = new Registration();
  /** Ids of what this instance is sending. A place in the log could be another delivery's by the time it is sent. */
  readonly #underWay = new Set<string>();
  /** Counts what was begun since anything came from outside. */
  #begun = 0;
  /** Counts deliveries that came, so that none is swept away with an endpoint that was made anew. */
  #arrivals = 0;

  constructor(ctx: DurableObjectState, env: Env, ports: WebhookPorts) {
    super(ctx, env);
    this.#ports = ports;
    this.#log = new DeliveryLog(ctx.storage.sql);
    this.#alarm = new Alarm(ctx.storage);
  }

  async notify(name: WebhookName, delivery: NewDelivery): Promise<void> {
    const now = Date.now();
    this.#exactly(() => {
      this.#identify(name);
      this.#log.add(delivery, now);
      this.#alarm.ringBy(this.#nextAlarm(now), now);
    });
    this.#arrivals++;
    this.#begun = 0;
    void this.#sendDue(name);
  }

  async state(): Promise<WebhookState> {
    return { condition: this.#condition, counts: this.#log.counts() };
  }

  async deliveries({ status, before }: DeliveryFilter, limit: number): Promise<readonly LoggedDelivery[]> {
    return this.#log.list(status, before, limit);
  }

  async redeliver(name: WebhookName, delivery: string): Promise<"accepted" | "under_way" | "unknown"> {
    if (this.#underWay.has(delivery)) return "under_way";
    const now = Date.now();
    const isKnown = this.#exactly(() => {
      if (!this.#log.restart(delivery, now)) return false;
      this.#alarm.ringBy(this.#nextAlarm(now), now);
      return true;
    });
    if (!isKnown) return "unknown";
    void this.#sendDue(name);
    return "accepted";
  }

  async changed(name: WebhookName): Promise<void> {
    this.#registration.forget();
    await this.#sendDue(name);
  }

  override async alarm(): Promise<void> {
    this.#alarm.forget();
    this.#begun = 0;
    const name = this.ctx.storage.kv.get<WebhookName>("name");
    if (name === undefined) return;
    // Before anything that could end this, and moved to its proper time afterwards.
    this.#alarm.ringBy(Date.now() + LIMITS.webhookLeaseMs, Date.now());
    try {
      this.#exactly(() => this.#log.purge(Date.now()));
      await this.#publish(name);
    } catch (error) {
      log("warn", "webhook not tidied, will be again", { ...name, error: messageOf(error) });
    }
    if (this.#log.isEmpty() && !this.#hasNews) return this.#wipe();
    const isHeld = await this.#sendDue(name);
    const now = Date.now();
    this.#alarm.ringAt(this.#nextAlarm(now, isHeld), now);
  }

  // --- Sending ---

  /** Starts what is due, a few at a time. `true`: nothing is sent for now, the endpoint is disabled. Never throws. */
  async #sendDue(name: WebhookName): Promise<boolean> {
    try {
      const record = await this.#registration.load(() => this.#ports.record(name), Date.now());
      if (record === null) return await this.#leaveIfGone(name);
      const now = Date.now();
      if (this.#isDisabled(record)) {
        this.#alarm.ringAt(this.#nextAlarm(now, true), now);
        return true;
      }
      const room = Math.min(LIMITS.webhookSends - this.#underWay.size, LIMITS.webhookSendsInOneGo - this.#begun);
      for (const delivery of this.#log.due(now, room, this.#underWay)) void this.#send(name, record, delivery);
      this.#alarm.ringBy(this.#nextAlarm(now), now);
    } catch (error) {
      // What is due stays so, and the alarm is set for it.
      log("warn", "deliveries not sent, will be", { ...name, error: messageOf(error) });
    }
    return false;
  }

  async #send(name: WebhookName, record: WebhookRecord, delivery: DueDelivery): Promise<void> {
    this.#underWay.add(delivery.id);
    this.#begun++;
    const startedAt = Date.now();
    try {
      const answer = await this.#ports.post(name.tenant, record, delivery);
      this.#settle(name, record, delivery, answer, startedAt);
    } catch (error) {
      // Not begun again at once, which could go on without end: the alarm does it.
      log("warn", "what came of a delivery is not known, it will be sent again", { ...name, error: messageOf(error) });
      return;
    } finally {
      this.#underWay.delete(delivery.id);
    }
    await this.#publish(name).catch((error: unknown) => {
      log("warn", "webhook's disabling not published, will be", { ...name, error: messageOf(error) });
    });
    await this.#sendDue(name);
  }

  #settle(name: WebhookName, record: WebhookRecord, delivery: DueDelivery, answer: Answer, startedAt: number): void {
    const now = Date.now();
    const verdict = verdictOn(delivery, answer, now);
    const tried: Try = {
      at: startedAt,
      ms: now - startedAt,
      ...(answer.status !== undefined && { status: answer.status }),
      ...(answer.type !== "delivered" && { error: answer.error }),
      nextAt: verdict.nextAt,
    };
    this.#exactly(() => {
      // Meanwhile it may have been purged, or the endpoint deleted: then nothing is to be written.
      if (!this.#log.settle(delivery.id, tried, verdict)) return;
      const lesson = lessonOf(delivery, answer, verdict);
      if (lesson !== null) this.#learn(name, record, lesson, now);
      this.#alarm.ringBy(this.#nextAlarm(now), now);
    });
  }

  // --- What is known of the endpoint ---

  get #condition(): Condition | null {
    return this.ctx.storage.kv.get<Condition>("condition") ?? null;
  }

  #learn(name: WebhookName, { epoch }: WebhookRecord, lesson: Lesson, now: number): void {
    const known = this.#condition;
    // It was enabled again while this was under way.
    if (known !== null && known.epoch > epoch) return;
    const before = known?.epoch === epoch ? known : freshCondition(epoch);
    const after = learned(before, lesson, now);
    if (after === before) return;
    this.ctx.storage.kv.put("condition", after);
    if (before.disabled === null && after.disabled !== null) log("warn", "webhook disabled", { ...name, reason: after.disabled.reason });
  }

  #isDisabled(record: WebhookRecord): boolean {
    const condition = this.#condition;
    return record.disabled !== null || (condition?.epoch === record.epoch && condition.disabled !== null);
  }

  /** What was found out here and the registration does not say yet. */
  get #hasNews(): boolean {
    return this.#condition?.disabled?.isPublished === false;
  }

  async #publish(name: WebhookName): Promise<void> {
    const condition = this.#condition;
    if (condition?.disabled?.isPublished !== false) return;
    const { epoch, disabled } = condition;
    await this.#ports.disable(name, epoch, disabled);
    this.#registration.forget();
    const meanwhile = this.#condition;
    if (meanwhile?.epoch === epoch) this.ctx.storage.kv.put("condition", { ...meanwhile, disabled: { ...disabled, isPublished: true } });
  }

  /** An alarm comes without a name. */
  #identify(name: WebhookName): void {
    if (this.ctx.storage.kv.get("name") === undefined) this.ctx.storage.kv.put("name", name);
  }

  // --- Waking and leaving ---

  /** A function of what is stored, and of what this instance is doing. `isHeld`: the endpoint is known to be disabled. */
  #nextAlarm(now: number, isHeld = false): number | null {
    const lookAt = this.#log.isAnyWaiting() ? now + LIMITS.webhookLookMs : null;
    const publishAt = this.#hasNews ? now + LIMITS.webhookLeaseMs : null;
    const at = earliest(isHeld ? lookAt : this.#nextSendAt(now), publishAt, this.#log.nextPurgeAt());
    return at && Math.max(at, now + LIMITS.webhookTickMs);
  }

  #nextSendAt(now: number): number | null {
    const isBusy = this.#underWay.size > 0 || this.#log.isAnyDue(now);
    const isPausing = this.#begun >= LIMITS.webhookSendsInOneGo;
    return earliest(isBusy ? now + (isPausing ? LIMITS.webhookTickMs : LIMITS.webhookLeaseMs) : null, this.#log.nextDueAt(now));
  }

  /** Nothing is kept for an endpoint that was deleted, unless somebody made it anew and told it something while we looked. */
  async #leaveIfGone(name: WebhookName): Promise<boolean> {
    const arrivals = this.#arrivals;
    const record = await this.#ports.record(name);
    if (record !== null || arrivals !== this.#arrivals) return this.#sendDue(name);
    await this.#wipe();
    return false;
  }

  async #wipe(): Promise<void> {
    const emptied = [this.ctx.storage.deleteAlarm(), this.ctx.storage.deleteAll()];
    this.#alarm.forget();
    this.#log.forget();
    this.#registration.forget();
    await Promise.all(emptied);
  }

  /** What is written together is written together. */
  #exactly<T>(change: () => T): T {
    try {
      return this.ctx.storage.transactionSync(change);
    } catch (error) {
      // The alarm was taken back as well, and perhaps the table.
      this.#alarm.forget();
      this.#log = new DeliveryLog(this.ctx.storage.sql);
      throw error;
    }
  }
}

/** What a try says about the endpoint. That a test failed is no news to who asked for it, and a try more says nothing new. */
function lessonOf(delivery: DueDelivery, answer: Answer, verdict: Verdict): Lesson | null {
  if (answer.type === "gone") return "gone";
  if (verdict.status === "delivered") return "delivered";
  if (delivery.event === TEST_EVENT) return null;
  return verdict.status === "pending" ? "failed" : "given_up";
}

function earliest(...moments: readonly (number | null)[]): number | null {
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}
