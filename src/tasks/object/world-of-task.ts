/** What the engine may know of the world when a task's object asks it. */
import { lookupIn } from "../../agents/selection/selection.ts";
import type { World } from "../../engine/world.ts";
import { childTaskId } from "../../shared/ids.ts";
import type { TaskPorts } from "../ports.ts";
import type { Effects } from "./effects.ts";
import type { Journal } from "./journal.ts";

/** Which task it is: one that was submitted again under its key is another. */
export interface TaskName {
  readonly tenant: string;
  readonly task: string;
  readonly createdAt: number;
}

export function worldOfTask(
  { tenant, task, createdAt }: TaskName,
  { directory, settings }: Pick<TaskPorts, "directory" | "settings">,
  values: Journal,
  { calledAt, relayFor }: Pick<Effects, "calledAt" | "relayFor">,
  now: number,
): World {
  const snapshot = directory.known(tenant, now);
  return {
    now,
    agents: snapshot && lookupIn(snapshot),
    values,
    inlinePlaces: settings.inlineCalls,
    relayMostMs: settings.relayMostMs,
    relayFor: () => relayFor(tenant),
    calledAt,
    childTask: (step, branch) => childTaskId(tenant, task, createdAt, step, branch),
  };
}
