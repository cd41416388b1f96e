/**
 * A task that does not wait for a place: whether there is one is decided by its key's object before the task exists. The
 * place is the task's own once it enters; one that nobody takes up is free again after a while.
 */
import type { Reserved } from "../../gates/entrant.ts";
import { rejection, Unavailable, type Rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Submitted } from "../messages.ts";
import type { Submission } from "../submission/submission.ts";
import type { TaskServices } from "../services.ts";

/** `null` for a task that needs none in advance. */
export async function reservePlace(
  submission: Submission,
  services: Pick<TaskServices, "tasks" | "gates">,
  now: number,
): Promise<Reserved | null> {
  const { tenant, task, gate, priority } = submission;
  if (gate === undefined || (gate.overlap !== "reject" && gate.overlap !== "return_existing")) return null;
  const name = { tenant, key: gate.key };
  const entrant = {
    task,
    priority,
    submittedAt: now,
    limit: gate.limit,
    overlap: gate.overlap,
    ...(gate.outdated && { outdated: gate.outdated }),
  };
  return services.gates.ask(name, (object) => object.reserve(name, entrant));
}

/** The place is for nobody: there is no new task after all. */
export async function giveUpPlace(
  { tenant, task, gate }: Submission,
  reserved: Reserved | null,
  services: Pick<TaskServices, "tasks" | "gates">,
): Promise<void> {
  if (gate === undefined || reserved?.type !== "reserved" || !reserved.isNew) return;
  const name = { tenant, key: gate.key };
  // If this does not arrive, the key's object finds out by itself.
  await services.gates.ask(name, (object) => object.leave(name, task, reserved.grant)).catch(() => undefined);
}

/** What a caller gets whose task found no place. */
export async function withoutPlace(
  { tenant, gate }: Submission,
  by: string,
  services: Pick<TaskServices, "tasks" | "gates">,
): Promise<Result<Submitted, Rejection>> {
  if (gate?.overlap !== "return_existing") {
    const detail = `All ${gate?.limit} places under "${gate?.key}" are taken, one of them by ${by}`;
    return err(rejection("concurrency_limit", detail, { facts: { task_id: by, key: gate?.key ?? "" } }));
  }
  for (let looks = 0; looks < LIMITS.gateExistingLooks; looks++) {
    const head = await services.tasks.read(
      tenant,
      by,
      (task) => task.head(),
      (reading) => reading.head(),
    );
    if (head !== null) return ok({ head, isReplay: false, isExisting: true, result: null });
    await scheduler.wait(LIMITS.gateExistingMs); // its own submission is under way
  }
  throw new Unavailable(`Task ${by}, which has the place, is not there yet`, null);
}
