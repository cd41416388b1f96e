/** What stands beside a state folder: where its agents are to be, and what must become of each of its tasks. */
import { CALLING } from "./calling.ts";
import { ENDED } from "./ended.ts";
import type { Keys } from "./registered.ts";
import type { End, Situation, Stage } from "./situation.ts";
import { WAITING } from "./waiting.ts";
import type { TaskView } from "../../src/tasks/views/task-view.ts";
import type { EventView } from "../../src/tasks/views/event-view.ts";

export interface Manifest {
  /** Of the service, as git names it. */
  readonly version: string;
  readonly recorded_at: string;
  /** Where agents and receivers listen: the folder names it. */
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly keys: Keys;
  readonly tasks: readonly KnownTask[];
  /** A bulk order that was being carried out, and the tasks that it cancels. */
  readonly bulk: { readonly id: string; readonly tasks: readonly string[] };
}

export interface KnownTask {
  readonly situation: string;
  readonly id: string;
  readonly notes: Readonly<Record<string, string>>;
  /** When the server died. */
  readonly status: string;
  readonly waits_on: string | null;
  /** The types of its events so far. */
  readonly events: readonly string[];
  /** Steps that had completed. */
  readonly completed: readonly string[];
  /** Under which keys agents had been asked, by step. */
  readonly keys: Readonly<Record<string, string>>;
  readonly ends: End;
  readonly asks: readonly string[];
}

export const SITUATIONS: Readonly<Record<string, Situation>> = { ...CALLING, ...WAITING, ...ENDED };

const headersOf = ({ isAcme }: Situation, { keys }: Stage): Record<string, string> =>
  isAcme ? { authorization: `Bearer ${keys.acme}` } : {};

export const viewOf = (situation: Situation, id: string, stage: Stage): Promise<TaskView> =>
  stage.server.call<TaskView>("GET", `/tasks/${id}`, undefined, headersOf(situation, stage));

export const resultOf = (situation: Situation, id: string, stage: Stage): Promise<{ readonly output: unknown }> =>
  stage.server.call("GET", `/tasks/${id}/result`, undefined, headersOf(situation, stage));

export const eventsOf = async (situation: Situation, id: string, stage: Stage): Promise<readonly EventView[]> =>
  (await stage.server.call<{ data: EventView[] }>("GET", `/tasks/${id}/events?limit=1000`, undefined, headersOf(situation, stage))).data;
