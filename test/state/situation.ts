/** What a task of a state folder was in the middle of, and how it goes on from there. */
import type { Server } from "../e2e/processes.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import type { Endpoints } from "./endpoints.ts";
import type { Keys } from "./registered.ts";

export interface Stage {
  readonly server: Server;
  readonly endpoints: Endpoints;
  readonly keys: Keys;
}

/** A task that was begun, and what has to be known later to go on with it. */
export interface Begun {
  readonly id: string;
  readonly notes?: Readonly<Record<string, string>>;
}

/** What must become of it. */
export interface End {
  readonly status: "completed" | "failed" | "canceled" | "timed_out" | "rejected";
  readonly output?: unknown;
  readonly code?: string;
}

export interface Situation {
  /** Of the tenant `acme`, not of `default`. */
  readonly isAcme?: true;
  readonly begin: (stage: Stage) => Promise<Begun>;
  /** Whether it is where it is to be when the server dies. */
  readonly isThere: (view: TaskView, stage: Stage) => boolean;
  /** What somebody does once the folder goes on; nothing, unless said. */
  readonly goOn?: (begun: Begun, stage: Stage) => Promise<unknown>;
  readonly ends: End;
  /** The steps that agents are asked for then, in this order, those of child tasks not counted. */
  readonly asks: readonly string[];
}
