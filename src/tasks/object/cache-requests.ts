/**
 * What the task asks of the result cache, brings it and hears from it.
 *
 * Q1. Asking is bounded and harmless to repeat; a cache that does not answer costs a step that time, once, and nothing else.
 * Q2. What was brought and got lost on the way is found by the cache's own question, from the step's end in the journal.
 */
import type { AskAnswer, Asker, CacheAnswer, Reply, Terms } from "../../cache/cache-contract.ts";
import { askedBy } from "../../engine/aspects/caching.ts";
import type { Command } from "../../engine/facts/command.ts";
import type { StoredValue } from "../../engine/facts/value.ts";
import { readValue } from "../../engine/facts/value.ts";
import { stepAt } from "../../engine/state/state.ts";
import { isKind, isSettled, keyOfTarget, type Step } from "../../engine/state/step-state.ts";
import { bytesToJson, jsonToBytes } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import { askAgainMs } from "./alarm-time.ts";
import { insist } from "./insist.ts";
import type { TaskPorts } from "../ports.ts";
import type { Loaded } from "../journal/load.ts";
import type { TaskRunner } from "./runner.ts";

export class CacheRequests {
  readonly #ports: TaskPorts;
  readonly #runner: TaskRunner;
  /** When this instance asked last, and who brings what a step waits for. */
  readonly #askedAt = new Map<string, number>();
  readonly #firsts = new Map<string, string>();
  #invalidating: Promise<boolean> = Promise.resolve(true);
  /** What this instance knows to be dropped, though a task that has ended records it no more. */
  readonly #dropped = new Set<string>();

  constructor(ports: TaskPorts, runner: TaskRunner) {
    this.#ports = ports;
    this.#runner = runner;
  }

  run(loaded: Loaded, commands: readonly Command[]): void {
    // Before anything is asked: a step that follows must not get what the one before has made out of date.
    if (commands.some(({ type }) => type === "invalidate_cache")) void this.invalidate(loaded);
    for (const command of commands) {
      if (command.type === "ask_cache") void this.#ask(loaded, command.step);
      else if (command.type === "fill_cache") void this.#fill(loaded, command.step);
      else if (command.type === "free_cache") void this.#free(loaded, command.step);
    }
  }

  /** A new instance does not know whether the last one got to ask. */
  recover(loaded: Loaded): void {
    if (loaded.state.archivedAt !== null) return;
    if (loaded.state.outdated.size > 0) void this.invalidate(loaded);
    for (const index of loaded.state.asking) {
      const { path } = stepAt(loaded.state, index);
      if (!this.#askedAt.has(path)) void this.#ask(loaded, path);
    }
  }

  /** Called by the alarm: nothing has been heard for long. */
  askAgain(loaded: Loaded, now: number): void {
    if (loaded.state.outdated.size > 0) void this.invalidate(loaded);
    const pauseMs = askAgainMs(loaded.state.askingAt, now) / 2;
    for (const index of loaded.state.asking) {
      const { path } = stepAt(loaded.state, index);
      if (now - (this.#askedAt.get(path) ?? 0) >= pauseMs) void this.#ask(loaded, path);
    }
  }

  /** The task was deleted; there may be another one under its id. */
  startOver(): void {
    for (const known of [this.#askedAt, this.#firsts, this.#dropped]) known.clear();
  }

  /** Has the cache drop what is out of date; whether it has. One at a time, so that nothing new is taken for heard. */
  invalidate(loaded: Loaded): Promise<boolean> {
    return (this.#invalidating = this.#invalidating.then(() => this.#drop(loaded)));
  }

  /** The task that brings what a step waits for, as far as it is known. */
  firstFor(step: string): string | null {
    return this.#firsts.get(step) ?? null;
  }

  /** The result cache answers a step, or asks whether it still brings the result that others wait for. */
  async cacheSays({ step: path, key }: Asker, answer: CacheAnswer): Promise<Reply> {
    const before = await this.#runner.ready();
    const step = before?.state.stepByPath.get(path);
    if (before === null || step?.cache?.key !== key) return { type: "gone" };
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
    this.#askedAt.set(path, Date.now());
    const isFresh = await this.#invalidating;
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

  async #drop({ state }: Loaded): Promise<boolean> {
    const steps = [...state.outdated.keys()].filter((step) => !this.#dropped.has(step));
    if (steps.length === 0) return true;
    const tags = [...new Set(steps.flatMap((step) => state.outdated.get(step) ?? []))];
    const isHeard = await insist("the cache does not know what is out of date", async () => {
      for (let from = 0; from < tags.length; from += LIMITS.cacheNames) {
        const some = tags.slice(from, from + LIMITS.cacheNames);
        await this.#ports.cache.invalidate(state.created.tenant, { tags: some, keys: [], capabilities: [] });
      }
    });
    if (!isHeard) return false;
    for (const step of steps) this.#dropped.add(step);
    await this.#runner.apply({ type: "invalidated", steps }).catch((error: unknown) => {
      log("info", "it is not recorded that the cache knows, which is told again", { task: state.created.task, error: messageOf(error) });
    });
    return true;
  }

  async #answer(tenant: string, asker: Asker, terms: Terms): Promise<AskAnswer> {
    for (let asks = 1; ; asks++) {
      try {
        return await inTime(this.#ports.cache.ask(tenant, asker, terms));
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
    await this.#invalidating;
    await insist("result not brought to the cache", () => this.#ports.cache.fill(loaded.state.created.tenant, asker, value));
  }

  async #free(loaded: Loaded, path: string): Promise<void> {
    const step = loaded.state.stepByPath.get(path);
    const asker = step === undefined ? null : askerOf(loaded, step);
    if (asker !== null) await insist("the cache was not told", () => this.#ports.cache.free(loaded.state.created.tenant, asker));
  }

  /** Who is paused before anything has begun holds others up for nothing, and so does who waits for people to pay. */
  #standing({ state }: Loaded, step: Step): Reply {
    const { phase, cache, degraded } = step;
    if (cache === null || !cache.isFirst) return { type: "gone" };
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

function termsOf(step: Step): (Terms & { readonly key: string }) | null {
  const asked = askedBy(step);
  if (asked === null || !isKind(step, "agent")) return null;
  return { key: asked.key, subject: subjectOf(step), ttlMs: asked.ttl_ms, tags: asked.tags ?? [] };
}

/** What a result is of: only what the step asks for first is kept. */
function subjectOf(step: Step): string {
  return isKind(step, "agent") ? keyOfTarget(step.node.targets[0]) : "";
}

function askerOf({ state }: Loaded, { path, cache }: Step): Asker | null {
  return cache === null ? null : { task: state.created.task, step: path, key: cache.key };
}

/** Or it throws. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), LIMITS.cacheAskMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
