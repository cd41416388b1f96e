/** Keeps a schedule's row in D1 as the schedule is: written after every change, and again until D1 has it. */
import { log } from "../shared/log.ts";
import type { ScheduleRecord } from "./schedule.ts";
import type { ScheduleName, SchedulePorts } from "./schedule-contract.ts";
import type { ScheduleStore } from "./schedule-store.ts";

/** `full`: the schedule was new, the tenant has too many, and nothing is left of it. */
export type Listed = "listed" | "full" | "gone";

export class ListEntry {
  readonly #store: ScheduleStore;
  readonly #ports: () => SchedulePorts;
  /** Writes all of it or nothing, with the alarm that it means. */
  readonly #atomically: (change: () => void) => void;
  /** Empties the object. */
  readonly #wipe: () => Promise<void>;
  #bringing: Promise<Listed> | null = null;

  constructor(store: ScheduleStore, ports: () => SchedulePorts, atomically: (change: () => void) => void, wipe: () => Promise<void>) {
    this.#store = store;
    this.#ports = ports;
    this.#atomically = atomically;
    this.#wipe = wipe;
  }

  /** Resolves when D1 has what is stored by then. One write after the other, or an older one could be the last. */
  async bringUpToDate(): Promise<Listed> {
    this.#bringing ??= this.#bring().finally(() => {
      this.#bringing = null;
    });
    return this.#bringing;
  }

  async #bring(): Promise<Listed> {
    for (;;) {
      const { stored } = this.#store;
      if (stored === null) return "gone";
      if (stored.deletedAt !== null) await this.#takeOff(stored);
      else if (stored.listed === stored.head.revision) return "listed";
      else if (!(await this.#put(stored))) return "full";
    }
  }

  async #takeOff(deleted: ScheduleRecord): Promise<void> {
    await this.#ports().unlist(nameOf(deleted));
    // Meanwhile somebody may have made it anew.
    if (this.#isStill(deleted)) await this.#wipe();
  }

  async #put(record: ScheduleRecord): Promise<boolean> {
    const { tenant, head } = record;
    const isListed = await this.#ports().list(tenant, head);
    const meanwhile = this.#store.stored;
    if (meanwhile === null || !this.#isStill(record)) return true;
    if (isListed) {
      this.#atomically(() => {
        this.#store.stored = { ...meanwhile, listed: head.revision };
      });
      return true;
    }
    if (meanwhile.listed > 0) throw new Error("The list has lost the schedule and has no room for it");
    log("info", "schedule not accepted, there are too many", { ...nameOf(record) });
    await this.#wipe();
    return false;
  }

  #isStill({ incarnation }: ScheduleRecord): boolean {
    return this.#store.stored?.incarnation === incarnation;
  }
}

function nameOf({ tenant, head }: ScheduleRecord): ScheduleName {
  return { tenant, schedule: head.name };
}
