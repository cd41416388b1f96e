/** What a schedule's object has stored. Reading it where there is nothing leaves nothing. */
import { assert } from "../shared/result.ts";
import type { Progress } from "./progress.ts";
import type { ScheduleRecord } from "./schedule.ts";

export class ScheduleStore {
  readonly #kv: SyncKvStorage;

  constructor(kv: SyncKvStorage) {
    this.#kv = kv;
  }

  /** `null`: there is none, or it is deleted. */
  get record(): ScheduleRecord | null {
    const { stored } = this;
    return stored === null || stored.deletedAt !== null ? null : stored;
  }

  /** Also of one that is deleted and whose row is left in D1. */
  get stored(): ScheduleRecord | null {
    return this.#kv.get<ScheduleRecord>("schedule") ?? null;
  }

  set stored(record: ScheduleRecord) {
    this.#kv.put("schedule", record);
  }

  /** Written at every run, and so kept apart. */
  get progress(): Progress {
    const progress = this.#kv.get<Progress>("progress");
    assert(progress !== undefined, "a schedule has progress");
    return progress;
  }

  set progress(progress: Progress) {
    this.#kv.put("progress", progress);
  }

  /** JSON: the body that every run submits. */
  get task(): string {
    const task = this.#kv.get<string>("task");
    assert(task !== undefined, "a schedule has a task");
    return task;
  }

  set task(task: string) {
    this.#kv.put("task", task);
  }

  /** All but the record of it. */
  forgetWork(): void {
    this.#kv.delete("progress");
    this.#kv.delete("task");
  }
}
