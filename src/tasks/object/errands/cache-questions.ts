/**
 * What the task asks of the result cache, brings it and hears from it.
 *
 * Q1. Asking is bounded and harmless to repeat; a cache that does not answer costs a step that time, once, and nothing else.
 * Q2. What was brought and got lost on the way is found by the cache's own question, from the step's end in the journal.
 */
import type { AskAnswer, Asker, CacheAnswer, Reply, Terms } from "../../../cache/cache-contract.ts";
import type { StoredValue } from "../../../engine/facts/value.ts";
import { readValue } from "../../../engine/facts/value.ts";
import { stepAt, waitersFor } from "../../../engine/state/state.ts";
import { isKind, isSettled, keyOfTarget, type Step } from "../../../engine/state/step-state.ts";
import { againAt, Reminders, tryToTell } from "../../../objects/errands.ts";
import { bytesToJson, jsonToBytes } from "../../../shared/json-bytes.ts";
import { LIMITS } from "../../limits.ts";
import { log, messageOf } from "../../../shared/log.ts";
import type { TaskPorts } from "../../ports.ts";
import type { Loaded } from "../../journal/load.ts";
import type { TaskRunner } from "../runner.ts";
import type { Invalidations } from "./invalidations.ts";
import type { CommandOf, TaskErrand } from "./task-errand.ts";

type OfCache = CommandOf<"ask_cache" | "fill_cache" | "free_cache">;

export class CacheQuestions implements TaskErrand<OfCache> {
  readonly #cache: TaskPorts["cache"];
  readonly #runner: TaskRunner;
  readonly #invalidations: Invalidations;
  readonly #reminders = new Reminders();
  /** Who brings what a step waits for. */
  readonly #firsts = new Map<string, string>();

  constructor(cache: TaskPorts["cache"], runner: TaskRunner, invalidations: Invalidations) {
    this.#cache = cache;
    this.#runner = runner;
    this.#invalidations = invalidations;
  }

  run(loaded: Loaded, commands: readonly OfCache[]): void {
    for (const { type, step } of commands) {
      switch (type) {
        case "ask_cache":
          void this.#ask(loaded, step);
          break;
        case "fill_cache":
          void this.#fill(loaded, step);
          break;
        case "free_cache":
          void this.#free(loaded, step);
          break;
      }
    }
  }

  again(loaded: Loaded, now: number): void {
    for (const index of waitersFor(loaded.state, "cache")) {
      const { path } = stepAt(loaded.state, index);
      if (this.#reminders.isDue(path, loaded.state.cache.askedAt, now)) void this.#ask(loaded, path);
    }
  }

  nextAt({ state }: Loaded, now: number): number | null {
    return waitersFor(state, "cache").size > 0 ? againAt(state.cache.askedAt, now) : null;
  }

  startOver(): void {
    this.#reminders.clear();
    this.#firsts.clear();
  }

  /** The task that brings what a step waits for, as far as it is known. */
  firstFor(step: string): string | null {
    return this.#firsts.get(step) ?? null;
  }

  /** The result cache answers a step, or asks whether it still brings the result that others wait for. */
  async cacheSays({ step: path, key }: Asker, answer: CacheAnswer): Promise<Reply> {
    const before = await this.#runner.ready();
    const step = before?.state.stepByPath.get(path);
    if (before === null || step === undefined || askerOf(before, step)?.key !== key) return { type: "gone" };
    if (askedBy(step) !== null) await this.#apply(path, answer);
    const loaded = await this.#runner.ready();
    const current = loaded?.state.stepByPath.get(path);
    return loaded === null || current === undefined ? { type: "gone" } : this.#standing(loaded, current);
  }

  async #ask(loaded: Loaded, path: string): Promise<void> {
    const step = loaded.state.stepByPath.get(path);
    const terms = step === undefined ? null : termsOf(step);
    if (terms === null) return; // it has its answer already
    const { tenant, task } = loaded.state.created;
    this.#reminders.carriedOut(path);
    const isFresh = await this.#invalidations.settled;
    const answer = isFresh ? await this.#answer(tenant, { task, step: path, key: terms.key }, terms) : UNAVAILABLE;
    if (answer.type === "waiting") {
      this.#firsts.set(path, answer.task);
      return;
    }
    this.#firsts.delete(path);
    await this.#apply(path, answer).catch((error: unknown) => {
      log("warn", "the cache's answer was not applied, the alarm asks again", { task, step: path, error: messageOf(error) });
    });
  }

  async #answer(tenant: string, asker: Asker, terms: Terms): Promise<AskAnswer> {
    for (let asks = 1; ; asks++) {
      try {
        return await inTime(this.#cache.ask(tenant, asker, terms));
      } catch (error) {
        log("warn", "the cache did not answer", { task: asker.task, step: asker.step, error: messageOf(error) });
        if (asks >= LIMITS.cacheAsks) return UNAVAILABLE;
      }
    }
  }

  async #apply(step: string, answer: CacheAnswer): Promise<void> {
    if (answer.type === "miss") {
      await this.#runner.apply({ type: "uncached", step, reason: answer.reason });
      return;
    }
    const { value, task, madeAt } = answer;
    const json = bytesToJson(value);
    await this.#runner.apply(({ state }) => {
      const isWanted = askedBy(state.stepByPath.get(step)) !== null;
      const output = isWanted ? this.#runner.journal.writeSized(json, value.byteLength) : NOTHING;
      return output === null ? { type: "uncached", step, reason: "unavailable" } : { type: "cached", step, output, task, madeAt };
    });
  }

  async #fill(loaded: Loaded, path: string): Promise<void> {
    const step = loaded.state.stepByPath.get(path);
    const asker = step === undefined ? null : askerOf(loaded, step);
    if (step === undefined || asker === null) return;
    const value = this.#valueOf(step);
    await this.#invalidations.settled;
    await tryToTell("result not brought to the cache", () => this.#cache.fill(loaded.state.created.tenant, asker, value));
  }

  async #free(loaded: Loaded, path: string): Promise<void> {
    const step = loaded.state.stepByPath.get(path);
    const asker = step === undefined ? null : askerOf(loaded, step);
    if (asker !== null) await tryToTell("the cache was not told", () => this.#cache.free(loaded.state.created.tenant, asker));
  }

  /** Who is paused before anything has begun holds others up for nothing, and so does who waits for people to pay. */
  #standing({ state }: Loaded, step: Step): Reply {
    const { phase, degraded } = step;
    if (state.cache.asked.get(step.index)?.isFirst !== true) return { type: "gone" };
    const isIdle = state.paused || (phase.status === "waiting" && phase.on.type === "budget" && state.budget?.asked !== null);
    if (!isSettled(phase)) return { type: isIdle && phase.status !== "running" ? "gone" : "working" };
    const value = phase.status === "completed" && phase.degraded === null && degraded === null ? this.#valueOf(step) : null;
    return value === null ? { type: "gone" } : { type: "done", value };
  }

  /** `null` where it is too large to be kept. */
  #valueOf({ phase }: Step): Uint8Array | null {
    if (phase.status !== "completed" || (phase.output.bytes ?? 0) > LIMITS.cacheValueBytes) return null;
    const bytes = jsonToBytes(readValue(phase.output, this.#runner.journal));
    return bytes.byteLength > LIMITS.cacheValueBytes ? null : bytes;
  }
}

const UNAVAILABLE: AskAnswer = { type: "miss", reason: "unavailable" };
const NOTHING: StoredValue = { value: null };

/** What a step waits for the cache to answer; it asks once, so there is no other question. */
function askedBy(step: Step | undefined) {
  return step?.phase.status === "waiting" && step.phase.on.type === "cache" ? step.phase.on : null;
}

function termsOf(step: Step): (Terms & { readonly key: string }) | null {
  const asked = askedBy(step);
  if (asked === null || !isKind(step, "agent")) return null;
  return { key: asked.key, subject: subjectOf(step), ttlMs: asked.ttl_ms, tags: asked.tags ?? [] };
}

/** What a result is of: only what the step asks for first is kept. */
function subjectOf(step: Step): string {
  return isKind(step, "agent") ? keyOfTarget(step.node.targets[0]) : "";
}

function askerOf({ state }: Loaded, { path, index }: Step): Asker | null {
  const asked = state.cache.asked.get(index);
  return asked === undefined ? null : { task: state.created.task, step: path, key: asked.key };
}

/** Or it throws. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), LIMITS.cacheAskMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
