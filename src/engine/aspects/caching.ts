/**
 * A step whose result may have been made before asks the cache before any agent is chosen, once. One of those who ask for
 * the same at the same time brings the result, the others wait for it.
 *
 * C1. Whatever the cache says, or does not say, the step goes on: without a result it asks an agent like any other.
 * C2. What undoes a step, what a fallback brings and what stands in for a failure neither comes from the cache nor goes there.
 * C3. Who was to bring a result says what became of it in the event that settles the step; so a lost word is found there.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Admission, InputOf } from "../facts/input.ts";
import type { TaskEvent } from "../facts/event.ts";
import { tagsIn } from "./outdating.ts";
import { scopeOfStep } from "../state/scope.ts";
import type { TaskState } from "../state/state.ts";
import { keyOfTarget, targetOfStep, type AgentStep, type Step } from "../state/step-state.ts";
import { expressionError, failStep, startedFacts } from "../rules/step.ts";
import type { WaitingForCache } from "../facts/waiting.ts";
import type { DeclaredCaching, World } from "../world.ts";

/** Facts of a step that asks the cache; `null` where it does not, has done so, or cannot yet. */
export function askCache(state: TaskState, step: AgentStep, world: World): readonly TaskEvent[] | null {
  const { owner, branch } = step.frame;
  const isUndoing = owner !== null && branch === null;
  if (step.cache !== null || step.attempts > 0 || step.target > 0 || isUndoing) return null;
  const declared = world.agents?.caching(targetOfStep(step), step.path) ?? null;
  if (declared === null || (step.node.cache === null && declared.terms === null)) return null;
  const asked = termsOf(state, step, declared, world);
  if (!asked.ok) return failStep(state, step, asked.error, world);
  return [...startedFacts(state, step), { type: "step.waiting", step: step.path, waiting_on: asked.value }];
}

/** Nobody has brought the result in the time that a step may stand in line. */
export function cacheIsDue(_state: TaskState, { phase, path }: AgentStep): readonly TaskEvent[] {
  return phase.status === "waiting" && phase.on.type === "cache" ? [{ type: "cache.missed", step: path, reason: "expired" }] : [];
}

export function admitCached(state: TaskState, { step, output, task, madeAt }: InputOf<"cached">): Admission {
  const asked = askedBy(state.stepByPath.get(step));
  return ok(asked === null ? [] : [{ type: "step.completed", step, output, cached: { key: asked.key, task, made_at: madeAt } }]);
}

export function admitUncached(state: TaskState, { step, reason }: InputOf<"uncached">): Admission {
  return ok(askedBy(state.stepByPath.get(step)) === null ? [] : [{ type: "cache.missed", step, reason }]);
}

/** What a step waits for the cache to answer; it asks once, so there is no other question. */
export function askedBy(step: Step | undefined): WaitingForCache | null {
  return step?.phase.status === "waiting" && step.phase.on.type === "cache" ? step.phase.on : null;
}

function termsOf(
  state: TaskState,
  step: AgentStep,
  { versions, terms }: DeclaredCaching,
  world: World,
): Result<WaitingForCache, ReturnType<typeof expressionError>> {
  const { cache } = step.node;
  const tags = cache === null ? ok(terms?.tags ?? []) : tagsIn(cache.tags, state, step, world.values);
  if (!tags.ok) return err(expressionError(step, "cache.tags", tags.error));
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
    return key.ok ? ok({ key: key.value }) : key;
  }
  const value = input.evaluate(scope);
  if (!value.ok) return value;
  const { version, region, labels, exclude, maxCostUsd } = selection;
  const how = ensemble && { ...ensemble, by: ensemble.by?.source ?? null, score: ensemble.score?.source ?? null };
  return ok({ input: value.value, versions, who: { version, region, labels, exclude, maxCostUsd }, ensemble: how });
}
