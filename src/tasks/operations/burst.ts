/**
 * A submission of a burst: the key's object says which task stands for it, that task is created or takes the input, and if
 * it does neither any more, another one stands for the next burst. Each of these may be asked again, and whoever dies in
 * between leaves at most a name, under which the next one creates the task.
 */
import type { Burst } from "../../gates/burst.ts";
import { rejectionOf, Unavailable, type Rejection } from "../../shared/errors.ts";
import { newTaskId } from "../../shared/ids.ts";
import { LIMITS } from "../limits.ts";
import { assert, err, type Result } from "../../shared/result.ts";
import type { Submitted } from "../messages.ts";
import type { Submission } from "../submission/submission.ts";
import type { TaskServices } from "../services.ts";

/** `preparedAs`: the submission as that of another task. */
export async function joinBurst(
  submission: Submission,
  services: Pick<TaskServices, "tasks" | "gates">,
  preparedAs: (task: string) => Promise<Result<Submission, Rejection>>,
): Promise<Result<Submitted, Rejection>> {
  const { tenant, debounce } = submission;
  assert(debounce !== undefined, "a submission of no burst");
  const name = { tenant, key: debounce.key };
  let over: string | null = null;
  for (let tries = 0; tries < LIMITS.debounceTries; tries++) {
    const own: string = over === null ? submission.task : newTaskId(tenant, Date.now());
    const known: string | null = over;
    const { task, latestAt }: Burst = await services.gates.ask(name, (object) =>
      object.burst(name, { task: own, latestAt: debounce.latest_at }, known),
    );
    const prepared = task === submission.task ? { ok: true as const, value: submission } : await preparedAs(task);
    if (!prepared.ok) return prepared;
    // Who named the task may have done so a while ago, and never created it: the burst is as old as its name.
    const terms = { key: debounce.key, due_at: Math.min(debounce.due_at, latestAt), latest_at: Math.min(debounce.latest_at, latestAt) };
    const joined = await services.tasks.ask(tenant, task, (stub) => stub.join({ ...prepared.value, debounce: terms }));
    if (joined !== "over") return joined;
    over = task;
  }
  throw new Unavailable(`Bursts under "${debounce.key}" are over too soon`, null);
}

/** A key makes a submission the same task for ever, a burst another one after a while. */
export function withoutKey(): Result<never, Rejection> {
  const message = "not together with an Idempotency-Key: a burst's submissions are one task by their own key";
  return err(rejectionOf([{ pointer: "/debounce", message, code: "invalid_request" }], "invalid_request"));
}
