/** The object's one alarm. It is never later than what the task needs, and moved only to an earlier time: moving costs a row. */
import { LIMITS } from "../limits.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { latestAlarm } from "./alarm-time.ts";
import type { Cost } from "./journal.ts";
import type { TaskSettings } from "../ports.ts";

export class TaskAlarm {
  readonly #storage: DurableObjectStorage;
  readonly #settings: TaskSettings;
  #at: number | null = null;
  readonly #cost: Cost;

  constructor(storage: DurableObjectStorage, settings: TaskSettings, cost: Cost) {
    this.#storage = storage;
    this.#settings = settings;
    this.#cost = cost;
  }

  /** What is known of it; `null` where it is not set, or where that is not known. */
  isAt(at: number | null): void {
    this.#at = at;
  }

  /** Called inside the transaction that made the state what it is. */
  keep(state: TaskState, now: number): void {
    const latest = this.#latest(state, now);
    // Once archived, a task needs no alarm for days: it is worth a row not to be woken for nothing.
    const isJustArchived = state.archivedAt === state.at && state.archivedAt === now;
    if (latest !== null && (this.#at === null || latest < this.#at || isJustArchived)) this.set(Math.max(latest, now + 1));
  }

  set(at: number): void {
    this.#at = at;
    this.#cost.alarmsSet++;
    void this.#storage.setAlarm(at);
  }

  /** Sets the next one before anything is done, so that whatever goes wrong is found again: tried again after a while. */
  rearm(state: TaskState, now: number, failures: number): void {
    const latest = this.#latest(state, now);
    if (latest === null) return;
    const next = latest > now && failures === 0 ? latest : Math.max(latest, now + retryMs(failures));
    if (next !== this.#at) this.set(next);
  }

  /** What it was to do failed. */
  rearmSoon(now: number, failures: number): void {
    const next = now + retryMs(failures);
    if (this.#at === null || next < this.#at) this.set(next);
  }

  #latest(state: TaskState, now: number): number | null {
    return latestAlarm(state, now, this.#settings.taskRetentionMs);
  }
}

/** How long after an alarm that failed, as the `failures` before it did, the next one comes. */
function retryMs(failures: number): number {
  return Math.min(LIMITS.unclaimedMs * 2 ** failures, LIMITS.resendMaxMs);
}
