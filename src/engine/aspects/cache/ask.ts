/** The question that a step asks the result cache: what its result depends on. */
import type { Ruling } from "../aspect.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson, type Json } from "../../../shared/json.ts";
import { LIMITS } from "../../limits.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { tagsIn } from "./tags.ts";
import { scopeOfStep } from "../../state/scope.ts";
import type { TaskState } from "../../state/state.ts";
import { keyOfTarget, targetOfStep, type AgentStep } from "../../state/step-state.ts";
import { expressionError } from "../../facts/failure.ts";
import { startedFacts } from "../../rules/started.ts";
import type { WaitingForCache } from "./shape.ts";
import type { DeclaredCaching, World } from "../../world.ts";

/** `null` where the step does not ask, has done so, or cannot yet. */
export function askCache(state: TaskState, step: AgentStep, world: World): Ruling | null {
  const { owner, branch } = step.frame;
  const isUndoing = owner !== null && branch === null;
  if (state.cache.asked.has(step.index) || step.attempts > 0 || step.target > 0 || isUndoing) return null;
  const declared = world.agents?.caching(targetOfStep(step), step.path) ?? null;
  if (declared === null || (step.node.cache === null && declared.terms === null)) return null;
  const asked = termsOf(state, step, declared, world);
  if (!asked.ok) return { facts: [], next: { type: "step_fails", step, error: asked.error } };
  if (asked.value === null) return null;
  return { facts: [...startedFacts(state, step), { type: "step.waiting", step: step.path, waiting_on: asked.value }] };
}

function termsOf(
  state: TaskState,
  step: AgentStep,
  { versions, terms }: DeclaredCaching,
  world: World,
): Result<WaitingForCache | null, ReturnType<typeof expressionError>> {
  const { cache } = step.node;
  const tags = cache === null ? ok(terms?.tags ?? []) : tagsIn(cache.tags, state, step, world.values);
  if (!tags.ok) return err(expressionError(step, "cache.tags", tags.error));
  // Under a tag that none can have, a result could not be dropped: it is made anew, for nothing fails for want of a cache.
  if (tags.value.some((tag) => tag.length > LIMITS.tagLength)) return ok(null);
  const subject = subjectOf(state, step, versions, world);
  if (!subject.ok) return err(expressionError(step, cache?.key ? "cache.key" : "input", subject.error));
  return ok({
    type: "cache",
    key: bytesToHex(sha256(utf8ToBytes(canonicalJson([keyOfTarget(targetOfStep(step)), subject.value])))).slice(0, KEY_LENGTH),
    ttl_ms: cache?.ttlMs ?? terms?.ttlMs ?? 1,
    ...(tags.value.length > 0 && { tags: tags.value }),
    ...(versions !== "" && { versions }),
    until: world.now + state.created.queue_ttl_ms,
  });
}

/** 128 bits: nobody meets another one's result by chance. */
const KEY_LENGTH = 32;

/** What has to be equal: what the author says, or else all that the result depends on. */
function subjectOf(state: TaskState, step: AgentStep, versions: string, world: World): Result<Json, string> {
  const { cache, input, ensemble, selection } = step.node;
  const scope = () => scopeOfStep(state, step, world.values);
  if (cache !== null && cache.key !== null) {
    const key = cache.key.evaluate(scope());
    return key.ok ? ok({ key: key.value, ...sharedBy(state, cache.isShared) }) : key;
  }
  const value = input.evaluate(scope);
  if (!value.ok) return value;
  const { version, region, labels, exclude, maxCostUsd } = selection;
  const how = ensemble && { ...ensemble, by: ensemble.by?.source ?? null, score: ensemble.score?.source ?? null };
  return ok({ input: value.value, versions, who: { version, region, labels, exclude, maxCostUsd }, ensemble: how });
}

/**
 * Among whom a key of an author's means the same. Its workflow's versions, so that nobody plants a result into the workflow of
 * another; what is not registered has no author whom others could trust. By the first rules: all of the tenant.
 */
function sharedBy({ graph, created }: TaskState, isShared: boolean): { readonly among?: Json } {
  if (graph.rules === 0) return {};
  const { name, version } = created.workflow;
  if (version === null) return { among: "unregistered" };
  return { among: isShared ? "tenant" : { workflow: name } };
}
