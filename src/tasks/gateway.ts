/** The way to a task: its object while that has it, history afterwards. */
import { ObjectStubs, type ObjectNamespace } from "../objects/stub.ts";
import { Unavailable, type Rejection } from "../shared/errors.ts";
import { isTaskId } from "../shared/ids.ts";
import type { Result } from "../shared/result.ts";
import { archivedJournal } from "./history/archive.ts";
import type { TaskContract } from "./contract.ts";
import { loadTask } from "./journal/load.ts";
import { TaskReading } from "./journal/task-reading.ts";
import { recorded, type RecorderQuestion } from "./recorder/recorder.ts";
import type { LargeValue } from "./views/task-view.ts";

interface TaskName {
  readonly tenant: string;
  readonly id: string;
}

const nameOf = ({ tenant, id }: TaskName): string => `${tenant}/${id}`;

/** The platform's own ids of objects, too: it lists those, and knows no names. */
interface TaskNamespace<Id> extends ObjectNamespace {
  readonly idFromString: (text: string) => Id;
  readonly get: (id: Id) => unknown;
}

export class TaskGateway {
  readonly #namespace: ObjectNamespace;
  readonly #objects: ObjectStubs<TaskName, TaskContract>;
  readonly #byObject: ObjectStubs<string, TaskContract>;
  readonly #isObject: (id: string) => boolean;
  readonly #readArchive: (tenant: string, id: string) => Promise<readonly string[] | null>;

  constructor(namespace: TaskNamespace<DurableObjectId>, readArchive: (tenant: string, id: string) => Promise<readonly string[] | null>) {
    this.#namespace = namespace;
    this.#objects = new ObjectStubs(namespace, "The task's object", nameOf);
    const byObject = { getByName: (id: string) => namespace.get(namespace.idFromString(id)) };
    this.#byObject = new ObjectStubs(byObject, "The task's object", (id) => id);
    this.#isObject = (id) => {
      try {
        namespace.idFromString(id);
        return true;
      } catch {
        return false;
      }
    };
    this.#readArchive = readArchive;
  }

  /** For what may be asked once. */
  stub(tenant: string, id: string): TaskContract {
    return this.#namespace.getByName(nameOf({ tenant, id })) as TaskContract;
  }

  /** Asks the object, twice if need be. */
  ask<T>(tenant: string, id: string, question: (task: TaskContract) => Promise<T>): Promise<T> {
    return this.#objects.ask({ tenant, id }, question);
  }

  /** Asks an object by the platform's id of it; `null` where that is none of a task. Whose task it has only it can say. */
  async askObject<T>(object: string, question: (task: TaskContract) => Promise<T>): Promise<T | null> {
    return this.#isObject(object) ? this.#byObject.ask(object, question) : null;
  }

  /** Asks the object, or what history kept of it; `null` when neither knows the task. */
  async read<T>(
    tenant: string,
    id: string,
    live: (stub: TaskContract) => Promise<T | null>,
    archived: (reading: TaskReading) => T | Promise<T>,
  ): Promise<T | null> {
    if (!isTaskId(tenant, id)) return null;
    const answer = await this.ask(tenant, id, live);
    if (answer !== null) return answer;
    const reading = await this.archive(tenant, id);
    return reading && archived(reading);
  }

  /** What the flight recorder asks of a task, as its answer comes; `null` when nobody knows the task. */
  recorded(tenant: string, id: string, question: RecorderQuestion): Promise<Result<Uint8Array, Rejection> | null> {
    return this.read<Result<Uint8Array, Rejection>>(
      tenant,
      id,
      (task) => task.recorded(question),
      (reading) => reading.of((loaded, source) => recorded(loaded, source, question)),
    );
  }

  /** A value as its task's object has it, each chunk asked for when it is taken. Throws where the object has it no longer. */
  async *valueChunks(tenant: string, id: string, value: LargeValue): AsyncGenerator<Uint8Array, void, undefined> {
    for (let from = 0; from < value.bytes;) {
      const chunk = await this.ask(tenant, id, (task) => task.valueChunk(value, from));
      if (chunk === null) throw new Unavailable("The value is kept no longer", null);
      from += chunk.byteLength;
      yield chunk;
    }
  }

  /** A finished task as history kept it. */
  async archive(tenant: string, id: string): Promise<TaskReading | null> {
    const bodies = await this.#readArchive(tenant, id);
    if (bodies === null) return null;
    const journal = archivedJournal(bodies);
    const loaded = loadTask(journal);
    return loaded && new TaskReading(loaded, journal);
  }
}
