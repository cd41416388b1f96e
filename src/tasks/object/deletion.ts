/** Forgets a task: because somebody wants that, or because its time is over. */
import { statusOf } from "../../engine/state/state.ts";
import { causedBy, type By } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { HistoryPort } from "../history/port.ts";
import { LIMITS } from "../limits.ts";
import type { Archiver } from "./archiver.ts";
import type { TaskRunner } from "./runner.ts";

/** PERSISTED, for an hour: what an object had that is empty. */
interface Deleted {
  readonly v: 1;
  readonly tenant: string;
  readonly task: string;
  /** Who deleted it. */
  readonly actor?: By;
}

export class Deletion {
  readonly #storage: DurableObjectStorage;
  readonly #history: HistoryPort;
  readonly #runner: TaskRunner;
  readonly #archiver: Archiver;
  readonly #emptied: () => void;
  #underWay: Promise<void> | null = null;

  /** `emptied`: what the instance remembers beside its storage is to go, too. */
  constructor(storage: DurableObjectStorage, history: HistoryPort, runner: TaskRunner, archiver: Archiver, emptied: () => void) {
    this.#storage = storage;
    this.#history = history;
    this.#runner = runner;
    this.#archiver = archiver;
    this.#emptied = emptied;
  }

  /**
   * Forgets the task, its journal and what history has of it. Only when it has ended; it is put away first, so that whoever
   * has to hear of its end has.
   */
  async delete(by?: By): Promise<Result<"deleted", Rejection> | null> {
    const loaded = await this.#runner.ready();
    if (loaded === null) return null;
    const { created, end } = loaded.state;
    if (end === null) {
      const facts = { task_status: statusOf(loaded.state) };
      return err(rejection("invalid_state", "Only a task that has ended can be deleted; cancel it first", { facts }));
    }
    // Once, however many ask: the last of them might find another task already, submitted under its key.
    this.#underWay ??= this.#delete({ v: 1, tenant: created.tenant, task: created.task, ...causedBy({ actor: by }) }).finally(() => {
      this.#underWay = null;
    });
    await this.#underWay;
    return ok("deleted");
  }

  /** There was a task here, and somebody deleted it a while ago. */
  get wasDeleted(): boolean {
    return this.#deleted !== undefined;
  }

  get #deleted(): Deleted | undefined {
    return this.#storage.kv.get<Deleted>("deleted");
  }

  /** Rows that were on their way when the task was deleted have come by now. */
  async deleteAgain(): Promise<void> {
    // A task may have been submitted under its key meanwhile.
    const deleted = this.#runner.journal.exists ? undefined : this.#deleted;
    if (deleted === undefined) return;
    await this.#history.remove(deleted.tenant, deleted.task);
    await this.#storage.deleteAll();
  }

  /** Its time in the object is over; history has it. */
  async empty(): Promise<void> {
    await this.#storage.deleteAll();
    this.#emptied();
  }

  async #delete(deleted: Deleted): Promise<void> {
    await this.#archiver.archive();
    await this.#history.remove(deleted.tenant, deleted.task);
    await this.empty();
    this.#storage.kv.put("deleted", deleted);
    await this.#storage.setAlarm(Date.now() + LIMITS.deleteAgainMs);
  }
}
