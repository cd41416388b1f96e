/**
 * A step whose result may have been made before asks the cache before any agent is chosen, once. One of those who ask for
 * the same at the same time brings the result, the others wait for it.
 *
 * C1. Whatever the cache says, or does not say, the step goes on: without a result it asks an agent like any other.
 * C2. What undoes a step, what a fallback brings and what stands in for a failure neither comes from the cache nor goes there.
 * C3. Who was to bring a result says what became of it in the event that settles the step; so a lost word is found there.
 */
import { z } from "zod";
import { ok } from "../../../shared/result.ts";
import { number, text, texts, time } from "../../facts/member-schemas.ts";
import { retryNow } from "../../state/phase.ts";
import { stepNamed, type TaskState } from "../../state/state.ts";
import { isKind, type Step } from "../../state/step-state.ts";
import type { World } from "../../world.ts";
import type { Aspect, Ruling } from "../aspect.ts";
import { askCache } from "./ask.ts";
import type { AskedOfCache, CacheCommand, CacheEvent, CacheInput, CacheOfCompleted, CacheOfSettled, WaitingForCache } from "./shape.ts";
import { outdatedTags } from "./tags.ts";

export const cache = {
  facts: {
    "cache.missed": {
      required: ["step", "reason"],
      fold: (state, { step: path, reason }) => {
        const step = stepNamed(state, path);
        change(state, step, { isFirst: reason === "first" });
        retryNow(state, step);
      },
      inputs: ({ step, reason }) => (reason === "expired" ? [] : [{ type: "uncached", step, reason }]),
      fault: (state, { step }) => (askedBy(state.stepByPath.get(step)) === null ? `step "${step}" does not wait for the cache` : null),
    },
    "cache.invalidated": {
      required: ["steps"],
      fold: (state, { steps }) => {
        for (const step of steps) state.cache.outdated.delete(step);
      },
      inputs: ({ steps }) => [{ type: "invalidated", steps }],
    },
  },
  admit: {
    cached: (state, { step, output, task, madeAt }) => {
      const asked = askedBy(state.stepByPath.get(step));
      if (asked === null) return NOTHING;
      return ok({ facts: [{ type: "step.completed", step, output, cached: { key: asked.key, task, made_at: madeAt } }] });
    },
    uncached: (state, { step, reason }) =>
      askedBy(state.stepByPath.get(step)) === null ? NOTHING : ok({ facts: [{ type: "cache.missed", step, reason }] }),
    invalidated: (state, input) => {
      const steps = state.end === null ? input.steps.filter((step) => state.cache.outdated.has(step)) : [];
      return steps.length === 0 ? NOTHING : ok({ facts: [{ type: "cache.invalidated", steps }] });
    },
  },
  waits: {
    cache: {
      schema: z.looseObject({
        type: z.literal("cache"),
        key: text,
        ttl_ms: number,
        tags: texts.optional(),
        versions: text.optional(),
        until: time,
      }),
      // Nobody has brought the result in the time that a step may stand in line.
      due: (_state, { path }) => ({ facts: [{ type: "cache.missed", step: path, reason: "expired" }] }),
      isOfAgents: true,
    },
  },
  timers: {},
  members: {
    cached: z.looseObject({ key: text, task: text, made_at: time }),
    cache: z.enum(["fill", "free"]),
    invalidates: texts,
  },
  follow: (state, event, step, before) => {
    if (step === null || step.phase === before) return;
    if (event.type === "step.completed") {
      if (event.cached !== undefined) change(state, step, { from: event.cached });
      if (event.invalidates === undefined) return;
      state.cache.outdated.set(step.path, event.invalidates);
      state.cache.outdatedAt = state.at;
    } else {
      const asked = askedBy(step);
      if (asked === null) return;
      state.cache.asked.set(step.index, { key: asked.key, isFirst: false, from: null });
      state.cache.askedAt = state.at;
    }
  },
  check: (state, step, world) => {
    const tags = outdatedTags(state, step, world.values);
    return tags.ok ? null : { field: "invalidates", error: tags.error };
  },
  ask: askCache,
  settle: (state, step, brought) => {
    if (state.cache.asked.size === 0 && (!isKind(step, "agent") || step.node.invalidates === null)) return null;
    return { ...standing(state, step, brought !== null), ...(brought !== null && outdates(state, step, brought)) };
  },
  commands: (event) => {
    switch (event.type) {
      case "step.waiting":
        return event.waiting_on.type === "cache" ? [{ type: "ask_cache", step: event.step }] : NO_COMMANDS;
      case "cache.missed":
        return event.reason === "expired" ? [{ type: "free_cache", step: event.step }] : NO_COMMANDS;
      case "step.completed":
        return tell(event.step, event, event.invalidates);
      case "step.failed":
      case "step.skipped":
      case "step.canceled":
        return tell(event.step, event);
      default:
        return NO_COMMANDS;
    }
  },
  inputs: (event) => {
    if (event.type !== "step.completed" || event.cached === undefined) return [];
    const { step, output, cached } = event;
    return [{ type: "cached", step, output, task: cached.task, madeAt: cached.made_at }];
  },
} satisfies Aspect<CacheEvent, CacheInput, WaitingForCache, never>;

const NOTHING = ok<Ruling>({ facts: [] });
const NO_COMMANDS: readonly CacheCommand[] = [];

/** What a step waits for the cache to answer; it asks once, so there is no other question. */
function askedBy(step: Step | undefined): WaitingForCache | null {
  return step?.phase.status === "waiting" && step.phase.on.type === "cache" ? step.phase.on : null;
}

function change(state: TaskState, { index }: Step, change: Partial<AskedOfCache>): void {
  const asked = state.cache.asked.get(index);
  if (asked !== undefined) state.cache.asked.set(index, { ...asked, ...change });
}

/** What a step that settles has to say to the result cache. Only what was asked for is worth keeping. */
function standing(state: TaskState, step: Step, isResult: boolean): CacheOfSettled {
  const asked = state.cache.asked.get(step.index);
  if (asked === undefined || !(asked.isFirst || askedBy(step) !== null)) return {};
  return { cache: isResult && step.degraded === null ? "fill" : "free" };
}

/** What the step's completion says of the results of others. It was checked when the step began, and is the same since. */
function outdates(state: TaskState, step: Step, world: World): CacheOfCompleted {
  if (!isKind(step, "agent")) return {};
  const tags = outdatedTags(state, step, world.values);
  return tags.ok && tags.value.length > 0 ? { invalidates: tags.value } : {};
}

/** What is dropped is dropped first: a step that makes its own kind of result out of date does not mean its own result. */
function tell(step: string, { cache: word }: CacheOfSettled, invalidates?: readonly string[]): readonly CacheCommand[] {
  if (word === undefined && invalidates === undefined) return NO_COMMANDS;
  return [
    ...(invalidates === undefined ? [] : [{ type: "invalidate_cache", step } as const]),
    ...(word === undefined ? [] : [{ type: `${word}_cache`, step } as const]),
  ];
}
