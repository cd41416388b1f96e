/** Has the objects of tasks tell history again what it should have of them: it may be as it was at an earlier moment, or empty. */
import { isTaskId } from "../../shared/ids.ts";
import { operation } from "../../shared/operation.ts";
import { ok } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";

/** Tasks by their ids, and by the ids of their objects, which the platform can list. */
export interface Lost {
  readonly tasks: readonly string[];
  readonly objects: readonly string[];
}

/** `missing`: those of whom no object of the tenant knows. May be repeated. */
export const relistTasks = operation("tasks:relist", async ({ tenant }, { tasks }: Pick<TaskServices, "tasks">, lost: Lost) => {
  const named = [...new Set(lost.tasks)];
  const objects = [...new Set(lost.objects)];
  const known = await Promise.all([
    ...named.map(async (id) => isTaskId(tenant, id) && tasks.ask(tenant, id, (task) => task.relist(tenant))),
    ...objects.map(async (id) => tasks.askObject(id, (task) => task.relist(tenant))),
  ]);
  const missing = [...named, ...objects].filter((_, index) => known[index] !== true);
  return ok({ listed: known.length - missing.length, missing });
});
