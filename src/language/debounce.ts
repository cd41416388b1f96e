/** Submissions that come in a burst and are one task: as a submission says it, and as a task has it. */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { DEFAULTS } from "../shared/limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { parseDuration } from "../shared/time.ts";
import { compileKey, keyFrom, type TaskToBe } from "./concurrency.ts";
import { RULES } from "./rules.ts";
import { expression, positiveDuration } from "./definition-words.ts";

export const debounceDefinition = z
  .strictObject({
    /** CEL over `input` and `task`, as of `concurrency`. */
    key: expression,
    /** Another submission within this is of the same burst, and starts it again. */
    for: positiveDuration,
    /** From the first submission to the beginning of the task, at most: ten times `for` unless said. */
    max: positiveDuration.optional(),
  })
  .superRefine((written, context) => {
    const forMs = parseDuration(written.for) ?? 0;
    const maxMs = written.max === undefined ? null : (parseDuration(written.max) ?? 0);
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if (forMs > LIMITS.debounceMs) refuse("for", "a burst lasts at most 7d");
    if (maxMs !== null && maxMs > LIMITS.debounceMs) refuse("max", "a burst lasts at most 7d");
    if (maxMs !== null && maxMs < forMs) refuse("max", "expected no less than for");
  });
export type DebounceDefinition = z.infer<typeof debounceDefinition>;

/** PERSISTED, in `task.created`: a burst of submissions under the key is over at `due_at` unless another comes, or at the latest. */
export interface Burst {
  readonly key: string;
  readonly due_at: number;
  readonly latest_at: number;
}

/** The terms of a burst that a submission begins `now`. */
export function burstOf(written: DebounceDefinition, of: TaskToBe, now: number): Result<Burst, string> {
  const compiled = compileKey(written.key, RULES);
  if (!compiled.ok) return err(compiled.error[0]?.message ?? "not valid");
  const key = keyFrom(compiled.value, of);
  if (!key.ok) return key;
  const forMs = parseDuration(written.for) ?? 0;
  const maxMs =
    (written.max === undefined ? null : parseDuration(written.max)) ?? Math.min(DEFAULTS.debounceTimes * forMs, LIMITS.debounceMs);
  return ok({ key: key.value, due_at: now + forMs, latest_at: now + maxMs });
}
