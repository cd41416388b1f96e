/** The answer to a submission that comes again. */
import { statusOf } from "../../engine/state/state.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Submitted } from "../messages.ts";
import { TaskReading } from "../journal/task-reading.ts";
import type { Loaded } from "../journal/load.ts";

export function answerRepetition(loaded: Loaded, fingerprint: string | null): Result<Submitted, Rejection> {
  const { created } = loaded.state;
  if (created.fingerprint !== (fingerprint ?? undefined)) {
    return err(
      rejection("idempotency_conflict", "The idempotency key was used for a different request; use a new key", {
        facts: { task_id: created.task, task_status: statusOf(loaded.state) },
      }),
    );
  }
  return ok({ head: new TaskReading(loaded, NO_SOURCE).head(), isReplay: true, result: null });
}

/**
 * The answer to a member of a batch that was submitted when such members shared their ids with what came under a key like
 * theirs; `other` for a task that is none of these.
 */
export function answerEarlierMember(loaded: Loaded, fingerprint: string): Result<Submitted, Rejection> | "other" {
  const { created } = loaded.state;
  const canBeMember = created.rules === undefined && created.forked === undefined;
  return canBeMember ? answerRepetition(loaded, fingerprint) : "other";
}

const NO_SOURCE = { rowsAfter: () => [], rowWith: () => undefined, value: () => undefined };
