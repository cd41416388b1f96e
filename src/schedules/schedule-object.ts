/**
 * The object of one schedule: what it is, when it is due, and what became of its times. It is the authority for all of
 * that; D1 has a row of it for the list, which follows.
 *
 * S1. A definition, and the alarm that it means, are one transaction: there is no schedule that nobody wakes for.
 * S2. A time is settled once, in the transaction that moves the cursor over it: it gets a run, or is written down as missed.
 * S3. What is decided upon is started by whoever is awake, and by the alarm if that is nobody any more; under one key.
 * S4. Nothing runs before the list has accepted the schedule, nor after it was deleted; a deletion is final at once.
 */
import type { Expected } from "../shared/expected.ts";
import { earliest } from "../objects/alarm.ts";
import { RoomObject } from "../objects/room-object.ts";
import { unexpected } from "../records/revision.ts";
import type { By } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { randomText } from "../shared/ids.ts";
import { LIMITS } from "./limits.ts";
import { log, messageOf } from "../shared/log.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { boundsRefusal } from "./check.ts";
import { ListEntry } from "./list-entry.ts";
import { REPLACED, WHILE_PAUSED } from "./overlap.ts";
import { freshProgress, plannedRun, roomIn, withStarting } from "./progress.ts";
import type { LoggedRun, RunOutcome } from "./run-entry.ts";
import { RunLog } from "./run-log.ts";
import { RunStarter } from "./run-starter.ts";
import {
  changedRecord,
  isSameTiming,
  isUnchanged,
  newRecord,
  steeredRecord,
  type ScheduleCopy,
  type ScheduleDraft,
  type ScheduleRecord,
} from "./schedule.ts";
import type { PutSchedule, ScheduleContract, ScheduleName, SchedulePorts, ScheduleReading, TriggeredRun } from "./schedule-contract.ts";
import { ScheduleStore } from "./schedule-store.ts";
import { TimeSettler } from "./time-settler.ts";
import { wakeAt } from "./next-wake.ts";

export abstract class ScheduleObject<Env> extends RoomObject<Env, SchedulePorts, ScheduleName> implements ScheduleContract {
  readonly #store = new ScheduleStore(this.ctx.storage.kv);
  readonly #log = new RunLog(this.ctx.storage.sql);
  readonly #settler = new TimeSettler(this.#store, this.#log);
  readonly #starter: RunStarter;
  readonly #entry: ListEntry;

  constructor(ctx: DurableObjectState, env: Env, ports: SchedulePorts | null) {
    super(ctx, env, ports);
    const asks = (): SchedulePorts => this.ports;
    const atomically = (change: () => void): void => this.atomically(change);
    this.#starter = new RunStarter(this.#store, this.#log, asks, (record) => this.#settler.timesOf(record), atomically);
    this.#entry = new ListEntry(this.#store, asks, atomically, () => this.wipe());
  }

  // --- What it is ---

  async put(name: ScheduleName, draft: ScheduleDraft, expected: Expected): Promise<Result<PutSchedule, Rejection>> {
    const before = this.#store.record;
    const isSame = before !== null && isUnchanged(before, draft);
    // Whoever asks that nothing be there is told, even by the same again.
    if (isSame && before.listed > 0 && expected !== "none") {
      await this.listAgain();
      return ok({ ...this.#reading(before), isNew: false });
    }
    const stale = isSame && expected !== "none" ? null : changedMeanwhile(name, before, expected);
    if (stale !== null) return err(stale);
    const now = Date.now();
    const refusal = boundsRefusal(draft.timing, now);
    if (refusal !== null) return err(refusal);
    const isNew = before === null || isSame;
    const refused = isNew ? await this.#create(name, draft, before, now) : await this.#replace(before, draft, now);
    if (refused !== null) return err(refused);
    const { record } = this.#store;
    return record === null ? err(again(`Schedule "${name.schedule}" was deleted just now`)) : ok({ ...this.#reading(record), isNew });
  }

  async listAgain(): Promise<void> {
    await this.#entry.listAgain().catch((error: unknown) => this.#warn("schedule not listed again", error));
  }

  async read(): Promise<ScheduleReading | null> {
    const { record } = this.#store;
    if (record === null) return null;
    await this.repairAlarm();
    return this.#reading(this.#store.record ?? record);
  }

  async copy(): Promise<ScheduleCopy | null> {
    const { record } = this.#store;
    return record && { head: record.head, task: this.#store.task, fingerprint: record.fingerprint, origin: record.origin };
  }

  async runs(outcome: RunOutcome | undefined, before: number | null, limit: number): Promise<readonly LoggedRun[] | null> {
    return this.#store.record === null ? null : this.#log.list(outcome, before, limit);
  }

  async pause(reason: string | null, by?: By): Promise<Result<ScheduleReading, Rejection> | null> {
    return this.#steer("paused", (record, now) => {
      this.#settler.settleDue(record, now);
      this.#store.stored = steeredRecord(record, { since: now, reason }, by, now);
      this.#settler.dropWaiting(now);
    });
  }

  async resume(by?: By): Promise<Result<ScheduleReading, Rejection> | null> {
    return this.#steer("active", (record, now) => {
      this.#settler.passOver(record, WHILE_PAUSED, now);
      this.#store.stored = steeredRecord(record, null, by, now);
    });
  }

  async trigger(key: string, overlaps: boolean, by?: By): Promise<Result<TriggeredRun, Rejection> | null> {
    if (this.#store.record === null) return null;
    const known = this.#triggered(key);
    if (known !== null) return ok(known);
    if (roomIn(this.#store.progress) === 0) return err(again("Too many runs of the schedule are being started"));
    this.atomically(() => {
      this.#store.progress = withStarting(this.#store.progress, plannedRun(Date.now(), key, overlaps, by));
    });
    await this.#beginToCatchUp();
    const run = this.#triggered(key);
    return run && ok(run);
  }

  async remove(name: ScheduleName, expected: Expected): Promise<Result<boolean, Rejection>> {
    const { record, stored } = this.#store;
    if (record === null) {
      // What an interrupted change may have left on the list.
      if (stored === null) await this.ports.unlist(name).catch((error: unknown) => this.#warn("list not tidied", error));
      return ok(false);
    }
    const stale = changedMeanwhile(name, record, expected);
    if (stale !== null) return err(stale);
    this.#discard(record);
    await this.#entry.bringUpToDate().catch((error: unknown) => this.#warn("schedule not taken off the list, will be", error));
    return ok(true);
  }

  protected override async wake(): Promise<void> {
    this.atomically((now) => {
      const { record } = this.#store;
      if (record !== null) this.#settler.settleDue(record, now);
    });
    await this.#catchUp();
  }

  // --- Changing ---

  /** Why the list does not accept it; until it does nothing runs. `before`: the same, of which the list has not heard. */
  async #create(name: ScheduleName, draft: ScheduleDraft, before: ScheduleRecord | null, now: number): Promise<Rejection | null> {
    const record = before ?? newRecord(name.tenant, name.schedule, randomText(INCARNATION_LENGTH), draft, now);
    this.atomically(() => {
      this.#store.stored = record;
      this.#store.task = draft.task;
      if (before === null) this.#store.progress = freshProgress(now);
    });
    try {
      if ((await this.#entry.bringUpToDate()) === "full")
        return rejection("limit_reached", `A tenant has at most ${LIMITS.schedulesPerTenant} schedules; delete one first`);
    } catch (error) {
      this.#warn("schedule not made", error);
      // Whoever asked is told that it did not work, so it must not come about later; unless somebody else has changed it.
      const { record: present } = this.#store;
      if (present?.incarnation === record.incarnation && present.head.revision === record.head.revision) this.#discard(record);
      return again("The list of schedules did not answer");
    }
    await this.#beginToCatchUp();
    return null;
  }

  async #replace(before: ScheduleRecord, draft: ScheduleDraft, now: number): Promise<null> {
    this.atomically(() => {
      this.#settler.settleDue(before, now);
      const after = changedRecord(before, draft, now);
      const wasPaused = before.head.paused !== null;
      const goesOn = wasPaused && after.head.paused === null;
      // What the old times leave is not for the new ones to make up for.
      if (goesOn || !isSameTiming(before.head.timing, after.head.timing))
        this.#settler.passOver(before, wasPaused ? WHILE_PAUSED : REPLACED, now);
      this.#store.stored = after;
      this.#store.task = draft.task;
      if (after.head.paused !== null) this.#settler.dropWaiting(now);
    });
    await this.#beginToCatchUp();
    return null;
  }

  async #steer(
    status: "active" | "paused",
    change: (record: ScheduleRecord, now: number) => void,
  ): Promise<Result<ScheduleReading, Rejection> | null> {
    const { record } = this.#store;
    if (record === null) return null;
    if ((record.head.paused === null) === (status === "active")) {
      const detail = `Schedule "${record.head.name}" is ${status === "paused" ? "paused already" : "not paused"}`;
      return err(rejection("schedule_state", detail));
    }
    this.atomically(() => change(record, Date.now()));
    await this.#beginToCatchUp();
    const after = this.#store.record;
    return after && ok(this.#reading(after));
  }

  /** Gone for everybody at once; the rest of it goes when D1 has heard of that. */
  #discard(record: ScheduleRecord): void {
    this.atomically(() => {
      this.#store.stored = { ...record, deletedAt: Date.now() };
      this.#store.forgetWork();
      this.#log.clear();
    });
  }

  // --- Inside ---

  /** Whoever asks does not wait for what is started in its turns: that goes on meanwhile. */
  async #beginToCatchUp(): Promise<void> {
    const isDone = new AbortController();
    const work = this.#catchUp().finally(() => isDone.abort());
    this.ctx.waitUntil(work);
    await Promise.race([work, scheduler.wait(LIMITS.scheduleAnswerMs, { signal: isDone.signal }).catch(() => undefined)]);
  }

  /** Does what there is to do, and sleeps until there is more. What meets trouble is done by the alarm. */
  async #catchUp(): Promise<void> {
    await this.#starter.work().catch((error: unknown) => this.#warn("runs not started, will be", error));
    await this.#entry.bringUpToDate().catch((error: unknown) => this.#warn("schedule not listed as it is, will be", error));
    if (this.#store.stored !== null) this.sleep(Date.now());
  }

  protected override nextWake(now: number): number | null {
    const { stored } = this.#store;
    if (stored === null) return null;
    const workAt =
      stored.deletedAt === null ? wakeAt(stored, this.#store.progress, this.#settler.timesOf(stored), now, this.#starter.isBusy) : null;
    return earliest(this.#entry.nextAt(now), workAt);
  }

  protected override forget(): void {
    this.#log.forget();
  }

  /** Its record has its name. */
  protected override get name(): ScheduleName | null {
    const { stored } = this.#store;
    return stored && { tenant: stored.tenant, schedule: stored.head.name };
  }

  #reading({ head }: ScheduleRecord): ScheduleReading {
    return { head, task: this.#store.task, progress: this.#store.progress };
  }

  #triggered(key: string): TriggeredRun | null {
    const { record, progress } = this.#store;
    if (record === null) return null;
    const logged = this.#log.find(key);
    if (logged !== null) return { at: logged.at, outcome: logged.outcome, task: logged.task, reason: logged.reason };
    if (progress.waiting?.key === key) return { at: progress.waiting.at, outcome: "waiting", task: null, reason: null };
    const starting = progress.starting.find((run) => run.key === key);
    return starting === undefined ? null : { at: starting.at, outcome: "starting", task: null, reason: null };
  }

  #warn(message: string, error: unknown): void {
    log("warn", message, { ...this.name, error: messageOf(error) });
  }
}

/** Of random characters with five bits each. */
const INCARNATION_LENGTH = 12;

function again(what: string): Rejection {
  return rejection("unavailable", `${what}; try again`, { retryAfterMs: 1_000 });
}

function changedMeanwhile({ schedule }: ScheduleName, record: ScheduleRecord | null, expected: Expected): Rejection | null {
  return unexpected(`Schedule "${schedule}" is`, record?.head.revision ?? 0, expected);
}
