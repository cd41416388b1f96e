/** The task that stands for a burst of submissions takes the input of each that comes after the first, while it waits. */
import { causedBy } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { assert, err, ok, type Result } from "../../shared/result.ts";
import type { TaskState } from "../../engine/state/state.ts";
import type { Submitted } from "../messages.ts";
import type { Journal } from "./journal.ts";
import { createdIn } from "../journal/load.ts";
import type { TaskRunner } from "./runner.ts";
import type { Submission } from "../submission/submission.ts";

/** `over`: it does not wait any more. */
export async function replaceInput(submission: Submission, runner: TaskRunner): Promise<Result<Submitted, Rejection> | "over"> {
  const { input, debounce } = submission;
  const loaded = await runner.ready();
  assert(loaded !== null && debounce !== undefined, "a burst without its task");
  if (!isWaiting(loaded.state)) return "over";
  const differs = difference(submission, runner.journal);
  if (differs !== null) {
    const { task } = loaded.state.created;
    const detail = `Task ${task}, which waits under "${debounce.key}", has another ${differs}; use another key, or submit again when it has begun`;
    return err(rejection("debounce_conflict", detail, { facts: { task_id: task, key: debounce.key } }));
  }
  const answer = await runner.apply(({ state }) => {
    // What nobody will read is not written.
    const stored = isWaiting(state) ? runner.journal.write(input) : state.input;
    assert(stored !== null, `a submission is at most ${LIMITS.bodyBytes} bytes`);
    return { type: "replace", input: stored, until: debounce.due_at, ...causedBy(submission) };
  });
  if (!answer.ok) return answer;
  if (answer.value === "unchanged") return "over";
  return ok({ head: (await runner.reading()).head(), isReplay: false, result: null });
}

/** It takes another input: its time has not come, and its journal has room. */
function isWaiting({ hold, end, seq }: TaskState): boolean {
  return hold?.type === "debounce" && hold.until > Date.now() && end === null && seq < LIMITS.debounceFacts;
}

/** The input alone is replaced, so it must be one for the same work, before the same gate. */
function difference({ type, definition, gate }: Submission, journal: Journal): string | null {
  const created = createdIn(journal);
  if ((created.task_type ?? null) !== type) return "type";
  const own = "value" in created.definition ? created.definition.value : journal.value(created.definition);
  if (canonicalJson(own) !== canonicalJson(JSON.parse(definition) as Json)) return "workflow";
  return created.gate?.key === gate?.key ? null : "concurrency key";
}
