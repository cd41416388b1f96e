/** Keeps a schedule's row in D1 as the schedule is: written after every change, and again until D1 has it. */
import { Projection } from "../objects/projection.ts";
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
  readonly #projection: Projection<string>;
  #isFull = false;
  /** D1 was found not to have what it had. */
  #isLost = false;

  constructor(store: ScheduleStore, ports: () => SchedulePorts, atomically: (change: () => void) => void, wipe: () => Promise<void>) {
    this.#store = store;
    this.#ports = ports;
    this.#atomically = atomically;
    this.#wipe = wipe;
    this.#projection = new Projection<string>({
      current: () => versionOf(store.stored),
      stored: () => (this.#isLost ? null : listedVersionOf(store.stored)),
      store: () => this.#tell(),
      confirm: (version) => this.#confirm(version),
    });
  }

  /** Resolves when D1 has what is stored by then. Throws while D1 does not answer. */
  async bringUpToDate(): Promise<Listed> {
    await this.#projection.publish();
    if (this.#store.stored !== null) return "listed";
    return this.#isFull ? "full" : "gone";
  }

  /** D1 does not list it, although it did: it may be as it was at an earlier moment. */
  async listAgain(): Promise<void> {
    if ((this.#store.record?.listed ?? 0) === 0) return;
    this.#isLost = true;
    await this.bringUpToDate();
  }

  /** When the alarm has to tell D1. */
  nextAt(now: number): number | null {
    return this.#projection.nextAt(now);
  }

  async #tell(): Promise<void> {
    const { stored } = this.#store;
    this.#isFull = false;
    if (stored === null) return;
    if (stored.deletedAt === null) await this.#put(stored);
    else await this.#takeOff(stored);
  }

  async #takeOff(deleted: ScheduleRecord): Promise<void> {
    await this.#ports().unlist(nameOf(deleted));
    // Meanwhile somebody may have made it anew.
    if (this.#isStill(deleted)) await this.#wipe();
  }

  async #put(record: ScheduleRecord): Promise<void> {
    const isListed = await this.#ports().list(record.tenant, record.head);
    if (isListed || !this.#isStill(record)) return;
    if ((this.#store.stored?.listed ?? 0) > 0) throw new Error("The list has lost the schedule and has no room for it");
    log("info", "schedule not accepted, there are too many", { ...nameOf(record) });
    this.#isFull = true;
    await this.#wipe();
  }

  #confirm(version: string): void {
    this.#isLost = false;
    const { stored } = this.#store;
    const [incarnation, revision] = version.split("/");
    if (stored === null || stored.incarnation !== incarnation || revision === GONE || stored.listed === Number(revision)) return;
    this.#atomically(() => {
      this.#store.stored = { ...stored, listed: Number(revision) };
    });
  }

  #isStill({ incarnation }: ScheduleRecord): boolean {
    return this.#store.stored?.incarnation === incarnation;
  }
}

const GONE = "gone";

function versionOf(stored: ScheduleRecord | null): string | null {
  return stored && `${stored.incarnation}/${stored.deletedAt === null ? stored.head.revision : GONE}`;
}

/** What D1 has; of one that is gone, that is not known before it is not even here. */
function listedVersionOf(stored: ScheduleRecord | null): string | null {
  return stored && `${stored.incarnation}/${stored.listed}`;
}

function nameOf({ tenant, head }: ScheduleRecord): ScheduleName {
  return { tenant, schedule: head.name };
}
