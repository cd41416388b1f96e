/** Has the objects of tasks tell history again what it should have of them: it may be as it was at an earlier moment, or empty. */
import { isTaskId } from "../../shared/ids.ts";
import { operation } from "../../shared/operation.ts";
import { ok } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";

/** `missing`: those of whom no object knows. May be repeated. */
export const relistTasks = operation("tasks:relist", async ({ tenant }, { tasks }: Pick<TaskServices, "tasks">, ids: readonly string[]) => {
  const named = [...new Set(ids)];
  const known = await Promise.all(named.map(async (id) => isTaskId(tenant, id) && tasks.ask(tenant, id, (task) => task.relist())));
  const missing = named.filter((_, index) => known[index] !== true);
  return ok({ listed: named.length - missing.length, missing });
});
