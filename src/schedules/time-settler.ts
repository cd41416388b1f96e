/** Settles times: moves the cursor over them, and writes down those that get no run. Belongs into a transaction. */
import { dueSince, gapBetween, type Gap } from "./due.ts";
import { TOO_LATE, WHILE_PAUSED } from "./overlap.ts";
import { roomIn, skippedTo, withDue, without } from "./progress.ts";
import type { Reason, RunOutcome } from "./run-entry.ts";
import type { RunLog } from "./run-log.ts";
import { isSameTiming, type ScheduleRecord, type Timing } from "./schedule.ts";
import type { ScheduleStore } from "./schedule-store.ts";
import { timesOf, type Times } from "./times.ts";

export class TimeSettler {
  readonly #store: ScheduleStore;
  readonly #log: RunLog;
  /** Of the timing that was asked about last. */
  #known: { readonly timing: Timing; readonly times: Times } | null = null;

  constructor(store: ScheduleStore, log: RunLog) {
    this.#store = store;
    this.#log = log;
  }

  timesOf({ tenant, head }: ScheduleRecord): Times {
    const { name, timing } = head;
    if (this.#known === null || !isSameTiming(this.#known.timing, timing))
      this.#known = { timing, times: timesOf(timing, jitterSeed(tenant, name)) };
    return this.#known.times;
  }

  /** What is due by now is to be started, or was missed. */
  settleDue(record: ScheduleRecord, now: number): void {
    if (record.head.paused !== null || record.listed === 0) return;
    const { progress } = this.#store;
    const due = dueSince(this.timesOf(record), progress.cursor, now, record.head.catchUp, roomIn(progress));
    if (due.cursor === progress.cursor) return;
    this.#add(due.missed, "missed", TOO_LATE, now);
    this.#store.progress = withDue(progress, due);
  }

  /** Times up to now that get no run, whatever the policies say. */
  passOver(record: ScheduleRecord, reason: Reason, now: number): void {
    const { progress } = this.#store;
    this.#add(gapBetween(this.timesOf(record), progress.cursor, now), "skipped", reason, now);
    this.#store.progress = skippedTo(progress, now);
  }

  /** The run that waits for another one's end is not to be. */
  dropWaiting(now: number): void {
    const { progress } = this.#store;
    const { waiting } = progress;
    if (waiting === null) return;
    const { at, key } = waiting;
    this.#log.add({ at, until: at, count: 1, isMore: false, outcome: "skipped", key, task: null, reason: WHILE_PAUSED }, now);
    this.#store.progress = without(progress, waiting);
  }

  #add(gap: Gap | null, outcome: RunOutcome, reason: Reason, now: number): void {
    if (gap === null) return;
    const { first, last, count, isMore } = gap;
    this.#log.add({ at: first, until: last, count, isMore, outcome, key: null, task: null, reason }, now);
  }
}

/** Two schedules of one timing start at different moments, each always at the same. */
export function jitterSeed(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}
