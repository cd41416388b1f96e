/** What can be done to a task: by its object, or not any more, where only history has it. */
import { byOf } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { operation } from "../../shared/operation.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { signalFingerprint } from "../submission/fingerprint.ts";
import type { TaskServices } from "../services.ts";
import type { TaskContract } from "../contract.ts";
import type { TaskHead } from "../views/view.ts";

type Tasks = Pick<TaskServices, "tasks">;
type Answer<T> = Result<T, Rejection>;

export const cancelTask = operation("tasks:write", async (actor, { tasks }: Tasks, id: string, reason: string | undefined) =>
  change(
    tasks,
    actor.tenant,
    id,
    (task) => task.cancel(reason, byOf(actor)),
    // Canceling a canceled one is no change.
    (head) => (head.status === "canceled" ? ok(head) : tooLate(head, "canceled")),
  ),
);

export const pauseTask = operation("tasks:write", async (actor, { tasks }: Tasks, id: string) =>
  change(
    tasks,
    actor.tenant,
    id,
    (task) => task.pause(byOf(actor)),
    (head) => tooLate(head, "paused"),
  ),
);

export const resumeTask = operation("tasks:write", async (actor, { tasks }: Tasks, id: string) =>
  change(
    tasks,
    actor.tenant,
    id,
    (task) => task.resume(byOf(actor)),
    (head) => tooLate(head, "resumed"),
  ),
);

export interface Signal {
  readonly name: string;
  readonly payload: Json;
  /** Under which it counts once; without one a repetition of the same `request` counts once. */
  readonly key: string | null;
  readonly request: string;
}

export const sendSignal = operation("tasks:write", async (actor, { tasks }: Tasks, id: string, { name, payload, key, request }: Signal) =>
  change(
    tasks,
    actor.tenant,
    id,
    (task) =>
      key === null
        ? task.signal(name, payload, request, byOf(actor))
        : task.signal(name, payload, key, byOf(actor), signalFingerprint(name, payload)),
    ({ status }) => err(rejection("signal_unexpected", "The task has ended", { facts: { task_status: status } })),
  ),
);

export const deleteTask = operation("tasks:write", async (actor, { tasks, archive }: Tasks & Pick<TaskServices, "archive">, id: string) =>
  change<"deleted">(
    tasks,
    actor.tenant,
    id,
    (task) => task.delete(byOf(actor)),
    async () => {
      await archive.remove(actor.tenant, id);
      return ok("deleted");
    },
  ),
);

/** `archived`: what comes of it where the task has ended and only history has it. */
async function change<T = TaskHead>(
  tasks: TaskServices["tasks"],
  tenant: string,
  id: string,
  live: (task: TaskContract) => Promise<Answer<T> | null>,
  archived: (head: TaskHead) => Answer<T> | Promise<Answer<T>>,
): Promise<Answer<T>> {
  const answer = await tasks.read<Answer<T>>(tenant, id, live, (reading) => archived(reading.head()));
  return answer ?? err(noTask(id));
}

export const noTask = (id: string): Rejection => rejection("not_found", `There is no task "${id}"`);

function tooLate({ status }: TaskHead, done: string): Answer<TaskHead> {
  return err(rejection("invalid_state", `A task that is ${status} cannot be ${done}`, { facts: { task_status: status } }));
}
