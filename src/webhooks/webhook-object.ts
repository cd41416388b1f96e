/**
 * The object of one endpoint: what it is to be told, what became of that, and whether it should be told anything more.
 *
 * W1. A delivery is stored, and the alarm set, before anybody is told that it was accepted. It is then sent until it has
 *     arrived or is given up; a crash may send it again, under the same id.
 * W2. Nobody waits for a request: what is due is sent by whoever is awake, and by the alarm if that is nobody any more.
 * W3. What one endpoint does costs no other one anything: each has its own object.
 */
import { earliest } from "../objects/alarm.ts";
import { Projection } from "../objects/projection.ts";
import { RoomObject } from "../objects/room-object.ts";
import { log, messageOf } from "../shared/log.ts";
import { freshCondition, learned, type EndpointCondition, type Lesson } from "./endpoint-condition.ts";
import type { Answer, DueDelivery, LoggedDelivery, NewDelivery, Try, Verdict } from "./delivery.ts";
import { DeliveryLog } from "./delivery-log.ts";
import { TEST_EVENT } from "./events.ts";
import { verdictOn } from "./retry-times.ts";
import { LIMITS } from "./limits.ts";
import { Registration } from "./registration.ts";
import type { DeliveryFilter, WebhookContract, WebhookName, WebhookPorts, WebhookState } from "./webhook-contract.ts";
import type { WebhookRecord } from "./webhook.ts";

export abstract class WebhookObject<Env> extends RoomObject<Env, WebhookPorts, WebhookName> implements WebhookContract {
  readonly #log = new DeliveryLog(this.ctx.storage.sql);
  readonly #registration = new Registration();
  /** What was found out here and the registration does not say yet: that the endpoint is disabled, by its epoch. */
  readonly #projection = new Projection<number>({
    current: () => (this.#condition?.disabled ? this.#condition.epoch : null),
    stored: () => (this.#condition?.disabled?.isPublished === true ? this.#condition.epoch : null),
    store: (epoch) => this.#disable(epoch),
    confirm: (epoch) => this.#setPublished(epoch, true),
  });
  /** Ids of what this instance is sending. A place in the log could be another delivery's by the time it is sent. */
  readonly #underWay = new Set<string>();
  /** The endpoint was disabled when this instance looked last, and nothing has come since. */
  #isHeld = false;
  /** Counts what was begun since anything came from outside. */
  #begun = 0;
  /** Counts deliveries that came, so that none is swept away with an endpoint that was made anew. */
  #arrivals = 0;

  async notify(name: WebhookName, delivery: NewDelivery): Promise<void> {
    this.#isHeld = false;
    this.atomically((now) => {
      this.identify(name);
      this.#log.add(delivery, now);
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
    this.#isHeld = false;
    const isKnown = this.atomically((now) => this.#log.restart(delivery, now));
    if (!isKnown) return "unknown";
    void this.#sendDue(name);
    return "accepted";
  }

  async changed(name: WebhookName): Promise<void> {
    this.#registration.forget();
    await this.#sendDue(name);
  }

  protected override async wake(name: WebhookName): Promise<void> {
    this.#begun = 0;
    this.atomically((now) => this.#log.purge(now));
    await this.#publish(name);
    if (this.#log.isEmpty() && !this.#projection.isOwed) return this.wipe();
    await this.#sendDue(name);
  }

  // --- Sending ---

  /** Starts what is due, a few at a time, unless the endpoint is disabled. Never throws. */
  async #sendDue(name: WebhookName): Promise<void> {
    try {
      const record = await this.#registration.load(() => this.ports.record(name), Date.now());
      if (record === null) return await this.#leaveIfGone(name);
      this.#compare(record);
      const now = Date.now();
      this.#isHeld = this.#isDisabled(record);
      if (this.#isHeld) return this.sleep(now);
      const room = Math.min(LIMITS.webhookSends - this.#underWay.size, LIMITS.webhookSendsInOneGo - this.#begun);
      for (const delivery of this.#log.due(now, room, this.#underWay)) void this.#send(name, record, delivery);
      this.wakeInTime(now);
    } catch (error) {
      // What is due stays so, and the alarm is set for it.
      this.#isHeld = false;
      log("warn", "deliveries not sent, will be", { ...name, error: messageOf(error) });
    }
  }

  async #send(name: WebhookName, record: WebhookRecord, delivery: DueDelivery): Promise<void> {
    this.#underWay.add(delivery.id);
    this.#begun++;
    const startedAt = Date.now();
    try {
      const answer = await this.ports.post(name.tenant, record, delivery);
      this.#settle(name, record, delivery, answer, startedAt);
    } catch (error) {
      // Not begun again at once, which could go on without end: the alarm does it.
      log("warn", "what came of a delivery is not known, it will be sent again", { ...name, error: messageOf(error) });
      return;
    } finally {
      this.#underWay.delete(delivery.id);
    }
    await this.#publish(name);
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
    this.atomically(() => {
      // Meanwhile it may have been purged, or the endpoint deleted: then nothing is to be written.
      if (!this.#log.settle(delivery.id, tried, verdict)) return;
      const lesson = lessonOf(delivery, answer, verdict);
      if (lesson !== null) this.#learn(name, record, lesson, now);
    });
  }

  // --- What is known of the endpoint ---

  get #condition(): EndpointCondition | null {
    return this.ctx.storage.kv.get<EndpointCondition>("condition") ?? null;
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

  /** Tells the registration, unless it knows. What it does not hear, the alarm says again. */
  async #publish(name: WebhookName): Promise<void> {
    await this.#projection.publish().catch((error: unknown) => {
      log("warn", "webhook's disabling not published, will be", { ...name, error: messageOf(error) });
    });
  }

  async #disable(epoch: number): Promise<void> {
    const { name } = this;
    const disabled = this.#condition?.disabled ?? null;
    if (name === null || disabled === null) return;
    await this.ports.disable(name, epoch, disabled);
    this.#registration.forget();
  }

  /** D1 may be as it was at an earlier moment: then it is told again, and what is known of a later registration counts no more. */
  #compare({ epoch, disabled }: WebhookRecord): void {
    const condition = this.#condition;
    if (condition === null) return;
    if (condition.epoch > epoch) this.ctx.storage.kv.delete("condition");
    else if (disabled === null) this.#setPublished(epoch, false);
  }

  #setPublished(epoch: number, isPublished: boolean): void {
    const condition = this.#condition;
    if (condition?.epoch !== epoch || condition.disabled === null || condition.disabled.isPublished === isPublished) return;
    this.ctx.storage.kv.put("condition", { ...condition, disabled: { ...condition.disabled, isPublished } });
  }

  // --- Waking and leaving ---

  /** A function of what is stored, and of what this instance is doing. */
  protected override nextWake(now: number): number | null {
    const lookAt = this.#log.isAnyWaiting() ? now + LIMITS.webhookLookMs : null;
    const at = earliest(this.#isHeld ? lookAt : this.#nextSendAt(now), this.#projection.nextAt(now), this.#log.nextPurgeAt());
    return at && Math.max(at, now + LIMITS.webhookTickMs);
  }

  protected override forget(): void {
    this.#log.forget();
    this.#registration.forget();
  }

  #nextSendAt(now: number): number | null {
    const isBusy = this.#underWay.size > 0 || this.#log.isAnyDue(now);
    const isPausing = this.#begun >= LIMITS.webhookSendsInOneGo;
    return earliest(isBusy ? now + (isPausing ? LIMITS.webhookTickMs : LIMITS.webhookLeaseMs) : null, this.#log.nextDueAt(now));
  }

  /** Nothing is kept for an endpoint that was deleted, unless somebody made it anew and told it something while we looked. */
  async #leaveIfGone(name: WebhookName): Promise<void> {
    const arrivals = this.#arrivals;
    const record = await this.ports.record(name);
    if (record !== null || arrivals !== this.#arrivals) return this.#sendDue(name);
    await this.wipe();
  }
}

/** What a try says about the endpoint. That a test failed is no news to who asked for it, and a try more says nothing new. */
function lessonOf(delivery: DueDelivery, answer: Answer, verdict: Verdict): Lesson | null {
  if (answer.type === "gone") return "gone";
  if (verdict.status === "delivered") return "delivered";
  if (delivery.event === TEST_EVENT) return null;
  return verdict.status === "pending" ? "failed" : "given_up";
}
