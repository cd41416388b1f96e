/** Tags of kept results: those of a step's own, and those that its completion makes out of date. */
import type { Json } from "../../../shared/json.ts";
import { LIMITS } from "../../limits.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { scopeOfStep } from "../../state/scope.ts";
import type { TaskState } from "../../state/state.ts";
import type { AgentStep } from "../../state/step-state.ts";
import type { Template } from "../../../language/expressions/template.ts";
import type { Values } from "../../facts/value.ts";

export function outdatedTags(state: TaskState, step: AgentStep, values: Values): Result<readonly string[], string> {
  const tags = tagsIn(step.node.invalidates, state, step, values);
  // No result has such a tag: none was kept under it.
  return tags.ok ? ok(tags.value.filter((tag) => tag.length <= LIMITS.tagLength)) : tags;
}

/** By the first rules one that is too long is an error; now whoever asks does without. */
export function tagsIn(template: Template | null, state: TaskState, step: AgentStep, values: Values): Result<readonly string[], string> {
  if (template === null) return NONE;
  const tags = template.evaluate(() => scopeOfStep(state, step, values));
  if (!tags.ok) return tags;
  const texts = tags.value as readonly Json[];
  if (
    texts.every((tag): tag is string => typeof tag === "string" && tag !== "" && (state.graph.rules > 0 || tag.length <= LIMITS.tagLength))
  )
    return ok(texts);
  return err(`expected texts of 1 to ${LIMITS.tagLength} characters, got ${JSON.stringify(texts).slice(0, 100)}`);
}

const NONE = ok([]);
