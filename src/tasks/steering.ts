/** What can be done to a task: by its object, or not any more, where only history has it. `null`: there is no such task. */
import type { TaskHead } from "./views/view.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { ok, type Result } from "../shared/result.ts";
import type { TaskServices } from "./services.ts";

type Tasks = Pick<TaskServices, "tasks">;
type Answer<T> = Promise<Result<T, Rejection> | null>;

export function cancelTask({ tasks }: Tasks, tenant: string, id: string, reason: string | undefined): Answer<TaskHead> {
  return tasks.read<Result<TaskHead, Rejection>>(
    tenant,
    id,
    (task) => task.cancel(reason),
    // Canceling a canceled one is no change.
    (reading) => (reading.head().status === "canceled" ? ok(reading.head()) : tooLate(reading.head(), "canceled")),
  );
}

export function pauseTask({ tasks }: Tasks, tenant: string, id: string): Answer<TaskHead> {
  return tasks.read<Result<TaskHead, Rejection>>(
    tenant,
    id,
    (task) => task.pause(),
    (reading) => tooLate(reading.head(), "paused"),
  );
}

export function resumeTask({ tasks }: Tasks, tenant: string, id: string): Answer<TaskHead> {
  return tasks.read<Result<TaskHead, Rejection>>(
    tenant,
    id,
    (task) => task.resume(),
    (reading) => tooLate(reading.head(), "resumed"),
  );
}

export function deleteTask({ tasks, archive }: Tasks & Pick<TaskServices, "archive">, tenant: string, id: string): Answer<"deleted"> {
  return tasks.read<Result<"deleted", Rejection>>(
    tenant,
    id,
    (task) => task.delete(),
    async () => {
      await archive.remove(tenant, id);
      return ok("deleted");
    },
  );
}

/** A task that only history has left has ended: nothing can be done to it. */
function tooLate({ status }: TaskHead, done: string): Result<TaskHead, Rejection> {
  const error = rejection("invalid_state", `A task that is ${status} cannot be ${done}`, { facts: { task_status: status } });
  return { ok: false, error };
}
