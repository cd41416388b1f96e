/**
 * The object's one alarm. When it rings is a function of the state, so that whoever sets it finds the same. It is never
 * later than what the task needs, and moved only to an earlier time: moving costs a row.
 */
import { nextHedgeAt, nextWakeAt } from "../../engine/rules/wake.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { earliest } from "../../objects/alarm.ts";
import { backoffMs } from "../../shared/backoff.ts";
import { LIMITS } from "../limits.ts";
import type { TaskSettings } from "../ports.ts";
import type { Cost } from "./journal.ts";

/** When the object has to carry out again what it owes. */
export type OwedAt = (state: TaskState, now: number) => number | null;

export class TaskAlarm {
  readonly #storage: DurableObjectStorage;
  readonly #settings: TaskSettings;
  readonly #owedAt: OwedAt;
  #at: number | null = null;
  readonly #cost: Cost;

  constructor(storage: DurableObjectStorage, settings: TaskSettings, cost: Cost, owedAt: OwedAt) {
    this.#storage = storage;
    this.#settings = settings;
    this.#cost = cost;
    this.#owedAt = owedAt;
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

  /** Moves it to an earlier time, if it is not that early. */
  ringBy(at: number): void {
    if (this.#at === null || at < this.#at) this.set(at);
  }

  /** Sets the next one before anything is done, so that whatever goes wrong is found again: tried again after a while. */
  rearm(state: TaskState, now: number, failures: number): void {
    const latest = this.#latest(state, now);
    if (latest === null) return;
    const isEarly = latest > now && failures === 0 && state.end === null;
    const next = isEarly ? latest : Math.max(latest, now + retryMs(failures));
    if (next !== this.#at) this.set(next);
  }

  /** What it was to do failed. */
  rearmSoon(now: number, failures: number): void {
    const next = now + retryMs(failures);
    if (this.#at === null || next < this.#at) this.set(next);
  }

  /** The latest moment at which the object must look at the task again; `null` while only the outside can move it. */
  #latest(state: TaskState, now: number): number | null {
    if (state.end !== null) return state.end.at + (state.archivedAt === null ? LIMITS.archiveLatestMs : this.#settings.taskRetentionMs);
    const hedgeAt = nextHedgeAt(state);
    // One that is due soon has a timer.
    const laterHedgeAt = hedgeAt !== null && hedgeAt > now + LIMITS.hedgeTimerMs ? hedgeAt : null;
    return earliest(nextWakeAt(state), this.#owedAt(state, now), laterHedgeAt);
  }
}

/** How long after an alarm that failed, as the `failures` before it did, the next one comes. */
function retryMs(failures: number): number {
  return backoffMs({ firstMs: LIMITS.unclaimedMs, mostMs: LIMITS.resendMaxMs }, failures + 1);
}
