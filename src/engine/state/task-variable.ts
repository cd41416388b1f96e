import type { Json } from "../../shared/json.ts";
import type { TaskState } from "./state.ts";

/** What expressions know of the task; nothing in it ever changes. */
export function taskVariable(state: TaskState): Json {
  const { task, task_type, workflow, priority, tags, scheduled_at } = state.created;
  return {
    id: task,
    type: task_type ?? null,
    workflow: { name: workflow.name, version: workflow.version },
    priority,
    tags,
    created_at: new Date(state.createdAt).toISOString(),
    scheduled_at: scheduled_at === undefined ? null : new Date(scheduled_at).toISOString(),
  };
}
