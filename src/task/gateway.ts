/**
 * The way to a task: its object while that has it, history afterwards. Platform trouble on the way is retried once with
 * a new stub, because a stub that threw is broken, and then thrown.
 */
import { isPlatformTrouble } from "../agents/http-transport.ts";
import { isTaskId } from "../shared/ids.ts";
import type { DispatchMessage } from "../agents/dispatch-queue.ts";
import { archivedJournal } from "./archive.ts";
import type { TaskContract } from "./contract.ts";
import { loadTask, TaskReading } from "./reading.ts";

/** Stubs are made by name: `{tenant}/{id}`. */
export interface TaskNamespace {
  readonly getByName: (name: string) => unknown;
}

export class TaskGateway {
  readonly #namespace: TaskNamespace;
  readonly #readArchive: (tenant: string, id: string) => Promise<readonly string[] | null>;

  constructor(namespace: TaskNamespace, readArchive: (tenant: string, id: string) => Promise<readonly string[] | null>) {
    this.#namespace = namespace;
    this.#readArchive = readArchive;
  }

  stub(tenant: string, id: string): TaskContract {
    return this.#namespace.getByName(`${tenant}/${id}`) as TaskContract;
  }

  /** Asks the object. Only for what may be asked twice. */
  async ask<T>(tenant: string, id: string, question: (stub: TaskContract) => Promise<T>): Promise<T> {
    try {
      return await question(this.stub(tenant, id));
    } catch (error) {
      const isOverloaded = (error as { overloaded?: unknown }).overloaded === true;
      if (isOverloaded || !((error as { retryable?: unknown }).retryable === true || isPlatformTrouble(error))) throw error;
      return question(this.stub(tenant, id));
    }
  }

  /** Asks the object, or what history kept of it; `null` when neither knows the task. */
  async read<T>(tenant: string, id: string, live: (stub: TaskContract) => Promise<T | null>, archived: (reading: TaskReading) => T): Promise<T | null> {
    if (!isTaskId(tenant, id)) return null;
    const answer = await this.ask(tenant, id, live);
    if (answer !== null) return answer;
    const reading = await this.archive(tenant, id);
    return reading && archived(reading);
  }

  /** A finished task as history kept it. */
  async archive(tenant: string, id: string): Promise<TaskReading | null> {
    const bodies = await this.#readArchive(tenant, id);
    if (bodies === null) return null;
    const journal = archivedJournal(bodies);
    const loaded = loadTask(journal);
    return loaded && new TaskReading(loaded, journal);
  }

  /** The stub that owns a dispatched attempt. */
  ownerOf(message: DispatchMessage): TaskContract {
    return this.stub(message.tenant, message.task);
  }
}
