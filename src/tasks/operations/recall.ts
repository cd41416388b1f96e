/** The answer to a submission that comes again under its key: the object's while it has the task, afterwards history's. */
import { rejection, type Rejection } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import type { Submitted } from "../messages.ts";
import { answerEarlierMember } from "../submission/repetition.ts";
import type { Submission } from "../submission/submission.ts";

export type Identity = Pick<Submission, "tenant" | "task" | "fingerprint">;
type RecallServices = Pick<TaskServices, "tasks" | "history">;

/** `null` when there was none under this key. */
export async function recall(identity: Identity, services: RecallServices): Promise<Result<Submitted, Rejection> | null> {
  const { tenant, task, fingerprint } = identity;
  if (fingerprint === null) return null;
  const live = await services.tasks.ask(tenant, task, (stub) => stub.recall(fingerprint));
  if (live !== null) return live;
  return (await services.history.find(tenant, task)) === null ? null : recallFromHistory(services, identity);
}

/**
 * The answer to a member of a batch that the first release accepted: under an id that what came under the key `{key}/{index}`
 * had as well. `null` when there was none.
 */
export async function recallEarlierMember(
  identity: Identity & { readonly fingerprint: string },
  services: RecallServices,
): Promise<Result<Submitted, Rejection> | null> {
  const { tenant, task, fingerprint } = identity;
  const live = await services.tasks.ask(tenant, task, (stub) => stub.recallEarlierMember(fingerprint));
  if (live !== null) return live === "other" ? null : live;
  if ((await services.history.find(tenant, task)) === null) return null;
  const archive = await services.tasks.archive(tenant, task);
  if (archive === null) return recallFromHistory(services, identity);
  const answer = archive.of((loaded) => answerEarlierMember(loaded, fingerprint));
  return answer === "other" ? null : answer;
}

/** The object is gone, but the key is remembered as long as history has the task. */
export async function recallFromHistory(
  { history }: Pick<TaskServices, "history">,
  { tenant, task, fingerprint }: Identity,
): Promise<Result<Submitted, Rejection>> {
  const row = await history.find(tenant, task);
  if (row === null) return err(rejection("unavailable", "The task was deleted just now; submit again", { retryAfterMs: 1_000 }));
  if (row.fingerprint !== fingerprint) {
    return err(
      rejection("idempotency_conflict", "The idempotency key was used for a different request; use a new key", {
        facts: { task_id: task },
      }),
    );
  }
  return ok({ head: row.head, isReplay: true, result: null });
}
