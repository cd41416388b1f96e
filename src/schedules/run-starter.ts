/**
 * Starts what is decided upon, one after the other: asks what still runs, and submits.
 *
 * R1. A run is submitted under a key that follows from the schedule and its time, before it is recorded. Whoever dies in
 *     between leaves it to be submitted again, which starts nothing new.
 * R2. What is decided after something was awaited is decided on what is stored by then.
 * R3. What makes up for a time that was missed waits for its turn; what is punctual does not.
 * R4. Trouble moves a run to later and is met again by the alarm; it never throws.
 */
import { meaningOf, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { log, messageOf } from "../shared/log.ts";
import type { Result } from "../shared/result.ts";
import { turnToMakeUp } from "./make-up-turns.ts";
import { isTrouble } from "../objects/trouble.ts";
import { overlapVerdict, SUPERSEDED } from "./overlap.ts";
import {
  isPlanned,
  lookedAt,
  without,
  withoutEnded,
  withRetry,
  withRunning,
  withWaiting,
  type PlannedRun,
  type Progress,
} from "./progress.ts";
import type { Reason, RunEntry, RunOutcome } from "./run-entry.ts";
import type { RunLog } from "./run-log.ts";
import type { Overlap, ScheduleRecord } from "./schedule.ts";
import type { SchedulePorts } from "./schedule-contract.ts";
import type { ScheduleStore } from "./schedule-store.ts";
import type { Times } from "./times.ts";

export class RunStarter {
  readonly #store: ScheduleStore;
  readonly #log: RunLog;
  readonly #ports: () => SchedulePorts;
  readonly #timesOf: (record: ScheduleRecord) => Times;
  /** Writes all of it or nothing. */
  readonly #atomically: (change: () => void) => void;
  #working: Promise<void> | null = null;
  /** Tasks that have ended. Written down with the next run only: asking again would do as well. */
  readonly #ended = new Set<string>();

  constructor(
    store: ScheduleStore,
    log: RunLog,
    ports: () => SchedulePorts,
    timesOf: (record: ScheduleRecord) => Times,
    atomically: (change: () => void) => void,
  ) {
    this.#store = store;
    this.#timesOf = timesOf;
    this.#log = log;
    this.#ports = ports;
    this.#atomically = atomically;
  }

  get isBusy(): boolean {
    return this.#working !== null;
  }

  /** Resolves when nothing is left that can be done now, whoever has begun it. */
  async work(): Promise<void> {
    this.#working ??= this.#workThrough().finally(() => {
      this.#working = null;
    });
    return this.#working;
  }

  async #workThrough(): Promise<void> {
    do await this.#leaveTimeForOthers();
    while (this.#store.record !== null && (await this.#turn(this.#store.record)));
  }

  async #leaveTimeForOthers(): Promise<void> {
    const { record, progress } = this.#store;
    const [next] = progress.starting;
    const now = Date.now();
    if (record === null || next === undefined || next.key !== null || next.retryAt > now || !this.#wasMissed(record, next.at, now)) return;
    await turnToMakeUp(record.tenant, record.head.name);
  }

  #wasMissed(record: ScheduleRecord, time: number, now: number): boolean {
    return now - this.#timesOf(record).startOf(time) > LIMITS.scheduleGraceMs;
  }

  /** Whether another turn may find something to do. */
  async #turn(record: ScheduleRecord): Promise<boolean> {
    const now = Date.now();
    const { starting, waiting } = this.#store.progress;
    const [next] = starting;
    if (next !== undefined && next.retryAt > now) return false;
    if (next === undefined && (waiting === null || waiting.lookAt > now)) return false;
    const first = next ?? (waiting as PlannedRun);
    try {
      return await (overlapOf(record, first) === "allow" ? this.#start(record, first) : this.#inTurn(record, next));
    } catch (error) {
      return this.#troubled(record, first, error, now);
    }
  }

  /** Starts the run whose turn it is, if nothing runs; else decides what becomes of the next one. */
  async #inTurn(record: ScheduleRecord, next: PlannedRun | undefined): Promise<boolean> {
    const { tenant } = record;
    const busy = await this.#running(tenant);
    if (!this.#isStill(record)) return true;
    const { waiting } = this.#store.progress;
    if (busy === null) {
      const first = waiting ?? next;
      if (first === undefined) return false;
      // Trouble with the one that waits is not that of the next one.
      return await this.#start(record, first).catch((error: unknown) => this.#troubled(record, first, error, Date.now()));
    }
    if (next === undefined) {
      this.#change(record, () => lookedAt(this.#store.progress, Date.now()));
      return false;
    }
    const verdict = overlapVerdict(overlapOf(record, next), busy, waiting !== null);
    switch (verdict.type) {
      case "start":
        return this.#start(record, next);
      case "skip":
        this.#settle(record, next, "skipped", null, verdict.reason);
        return true;
      case "wait":
        if (verdict.cancels) await this.#cancelAll(record, next);
        this.#wait(record, next, verdict.cancels);
        return true;
    }
  }

  async #start(record: ScheduleRecord, run: PlannedRun): Promise<boolean> {
    const submitted = await this.#submit(record, run);
    if (submitted.ok) this.#settle(record, run, "started", submitted.value, null);
    else if (meaningOf(submitted.error.code).retryable) return this.#troubled(record, run, submitted.error, Date.now());
    else this.#settle(record, run, "failed", null, { code: submitted.error.code, message: submitted.error.detail });
    return true;
  }

  #submit({ tenant, head, incarnation, origin }: ScheduleRecord, run: PlannedRun): Promise<Result<string, Rejection>> {
    const key = `${incarnation}/${run.key === null ? run.at : `trigger/${run.key}`}`;
    return this.#ports().submit({
      tenant,
      schedule: head.name,
      at: run.at,
      key,
      task: this.#store.task,
      origin,
      ...(run.by && { by: run.by }),
    });
  }

  /** The latest task that has not ended. */
  async #running(tenant: string): Promise<string | null> {
    for (const { task } of this.#store.progress.running.toReversed()) {
      if (this.#ended.has(task)) continue;
      if (!(await this.#ports().hasEnded(tenant, task))) return task;
      this.#ended.add(task);
    }
    return null;
  }

  async #cancelAll({ tenant, head }: ScheduleRecord, run: PlannedRun): Promise<void> {
    const reason = `schedule "${head.name}" runs again, for ${new Date(run.at).toISOString()}`;
    for (const { task } of this.#store.progress.running) await this.#ports().cancel({ tenant, schedule: head.name }, task, reason);
  }

  #wait(record: ScheduleRecord, run: PlannedRun, isSoon: boolean): void {
    this.#change(record, () => {
      const { progress } = this.#store;
      const { waiting } = progress;
      if (!isPlanned(progress, run)) return progress;
      if (waiting !== null) this.#log.add(entryOf(waiting, "skipped", null, SUPERSEDED), Date.now());
      const now = Date.now();
      return withWaiting(progress, run, now, isSoon ? now : now + LIMITS.scheduleLookMs);
    });
  }

  #settle(record: ScheduleRecord, run: PlannedRun, outcome: RunOutcome, task: string | null, reason: Reason | null): void {
    this.#change(record, () => {
      const { progress } = this.#store;
      // Meanwhile the schedule may have been paused, and the run with it.
      if (!isPlanned(progress, run) && task === null) return progress;
      this.#log.add(entryOf(run, outcome, task, reason), Date.now());
      return task === null ? without(progress, run) : withRunning(withoutEnded(progress, this.#ended), run, task);
    });
    if (task !== null) this.#ended.clear();
  }

  /** Whether to go on: not with this run for now, unless it is given up. */
  #troubled(record: ScheduleRecord, run: PlannedRun, trouble: unknown, now: number): boolean {
    const error = trouble instanceof Error ? messageOf(trouble) : (trouble as Rejection).detail;
    log("warn", "run not started, will be tried again", { tenant: record.tenant, schedule: record.head.name, at: run.at, error });
    const isPassing = isTrouble(trouble) || !(trouble instanceof Error);
    if (!isPassing && run.tries + 1 >= LIMITS.scheduleTries) {
      this.#settle(record, run, "failed", null, { code: "internal", message: `It could not be started: ${error}` });
      return true;
    }
    this.#change(record, () => withRetry(this.#store.progress, run, now));
    return false;
  }

  #change(record: ScheduleRecord, change: () => Progress): void {
    this.#atomically(() => {
      if (this.#isStill(record)) this.#store.progress = change();
    });
  }

  /** Whether the schedule has not been deleted meanwhile, nor made anew. */
  #isStill({ incarnation }: ScheduleRecord): boolean {
    return this.#store.record?.incarnation === incarnation;
  }
}

function overlapOf({ head }: ScheduleRecord, run: PlannedRun): Overlap {
  return run.overlaps === true ? "allow" : head.overlap;
}

function entryOf({ at, key }: PlannedRun, outcome: RunOutcome, task: string | null, reason: Reason | null): RunEntry {
  return { at, until: at, count: 1, isMore: false, outcome, key, task, reason };
}
