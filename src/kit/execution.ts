/**
 * One run of an agent's function, for as many attempts as want its outcome.
 *
 * E1. Its outcome is decided once: by the function, by its time, or when the last attempt has left.
 * E2. Its signal is aborted by the request that started it. Others only leave word: a Worker must not use what belongs to
 *     another request.
 * E3. It shows that it lives. A Worker's requests may be ended without a word, and what waited for one would wait for ever.
 */
import { AgentError, excerpt, failureOf, messageOf, type Failure } from "./agent-error.ts";
import type { Attempt } from "./attempt.ts";
import type { AttemptContext, CheckedDefinition, Execute, Trouble } from "./definition.ts";
import { createDeferred } from "./deferred.ts";
import type { Beat, Heart } from "./heart.ts";
import { LIMITS } from "./limits.ts";
import { createUsageSum } from "./usage-sum.ts";

export type Outcome =
  /** `body`: the JSON text of `{output, usage?}`. */
  | { readonly type: "completed"; readonly body: string }
  | { readonly type: "failed"; readonly failure: Failure }
  /** Nobody wanted it any more. */
  | { readonly type: "abandoned"; readonly reason: string };

export class Execution {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Resolves when the function has returned, which may be after its outcome was decided. */
  readonly ended: Promise<unknown>;
  readonly #onTrouble: (trouble: Trouble) => void;
  readonly #attempt: Attempt;
  readonly #hearts = new Set<Heart>();
  readonly #controller = new AbortController();
  readonly #left = createDeferred<string>();
  #aliveAt = Date.now();
  #isAbandoned = false;
  #isDecided = false;

  constructor(attempt: Attempt, capability: string, execute: Execute<never>, definition: CheckedDefinition) {
    this.#attempt = attempt;
    this.#onTrouble = definition.onTrouble;
    const executed = this.#executed(capability, execute);
    this.ended = executed;
    this.outcome = this.#decided(executed, definition.executeWithinMs);
  }

  /** Whether there is an outcome, or will be one that is worth waiting for. */
  isAlive(now: number): boolean {
    return !this.#isAbandoned && (this.#isDecided || now - this.#aliveAt < LIMITS.pulseLostMs);
  }

  /** Progress goes to this heart too, until it leaves. */
  join(heart: Heart): void {
    this.#hearts.add(heart);
  }

  /** The last to leave takes the wish for an outcome along. */
  leave(heart: Heart, reason: string): void {
    if (!this.#hearts.delete(heart) || this.#hearts.size > 0) return;
    this.#isAbandoned = true;
    this.#left.resolve(reason);
  }

  async #decided(executed: Promise<Outcome>, withinMs: number): Promise<Outcome> {
    const pulse = setInterval(() => (this.#aliveAt = Date.now()), LIMITS.pulseMs);
    const timeout = createDeferred<Outcome>();
    const timer = setTimeout(() => timeout.resolve(timedOut(withinMs)), withinMs);
    // Aborting is their continuation, which runs for the request that made it, whoever resolved them.
    const late = timeout.promise.then((outcome) => this.#aborted("The execution took too long", outcome));
    const abandoned = this.#left.promise.then((reason) =>
      this.#aborted(`Nobody wants the outcome any more: ${reason}`, { type: "abandoned", reason }),
    );
    try {
      return await Promise.race([executed, late, abandoned]);
    } finally {
      this.#isDecided = true;
      clearInterval(pulse);
      clearTimeout(timer);
    }
  }

  async #executed(capability: string, execute: Execute<never>): Promise<Outcome> {
    const usage = createUsageSum();
    let output: unknown;
    // Who asked joins first, and hears of progress from the beginning.
    await Promise.resolve();
    try {
      output = await execute(this.#attempt.input as never, this.#context(capability, usage.add));
    } catch (error) {
      // What an aborted function throws is only its way to end.
      if (!(error instanceof AgentError) && !this.#controller.signal.aborted) this.#trouble(`execute threw: ${messageOf(error)}`, error);
      return { type: "failed", failure: failureOf(error) };
    }
    return completed(output, usage.total());
  }

  #context(capability: string, addUsage: AttemptContext["usage"]): AttemptContext {
    const { taskId, stepId, attempt, idempotencyKey, traceparent, workflow, deadline } = this.#attempt;
    return {
      taskId,
      stepId,
      attempt,
      capability,
      idempotencyKey,
      traceparent,
      workflow,
      deadline,
      signal: this.#controller.signal,
      progress: (data, { extend } = {}) => this.#progress(data, extend),
      usage: addUsage,
    };
  }

  #progress(data: unknown, extend: string | undefined): void {
    const beat: Beat = { ...this.#sendable(data), ...(extend !== undefined && { extend }) };
    for (const heart of this.#hearts) heart.say(beat);
  }

  #sendable(data: unknown): Beat {
    if (data === undefined) return {};
    try {
      const text = JSON.stringify(data);
      if (text === undefined) throw new TypeError("it is no JSON");
      if (text.length > LIMITS.progressLength) throw new RangeError(`it has ${text.length} characters, of ${LIMITS.progressLength}`);
      // As it is now: the agent may go on to change it.
      return { progress: JSON.parse(text) };
    } catch (error) {
      this.#trouble(`progress was left out: ${messageOf(error)}`, error);
      return {};
    }
  }

  #trouble(message: string, cause: unknown): void {
    const { taskId, stepId, attempt } = this.#attempt;
    this.#onTrouble({ message, taskId, stepId, attempt, cause });
  }

  #aborted(message: string, outcome: Outcome): Outcome {
    this.#controller.abort(new DOMException(message, "AbortError"));
    return outcome;
  }
}

function completed(output: unknown, usage: object | null): Outcome {
  const refuse = (code: string, message: string): Outcome => ({
    type: "failed",
    failure: failureOf(new AgentError({ code, message, retryable: false })),
  });
  let body: string;
  try {
    body = JSON.stringify({ output: output ?? null, ...(usage !== null && { usage }) });
  } catch (error) {
    return refuse("output_invalid", excerpt(`The output is no JSON: ${messageOf(error)}`));
  }
  // What is no JSON at all, such as a function, would be left out.
  if (!body.startsWith('{"output":')) return refuse("output_invalid", `The output is no JSON: it is a ${typeof output}`);
  const isLarge =
    body.length > LIMITS.replyBytes || (3 * body.length > LIMITS.replyBytes && new TextEncoder().encode(body).length > LIMITS.replyBytes);
  return isLarge ? refuse("output_too_large", `The output is larger than ${LIMITS.replyBytes} bytes`) : { type: "completed", body };
}

function timedOut(withinMs: number): Outcome {
  const message = `The agent did not finish within ${withinMs} ms, the longest that it allows itself (executeWithinMs)`;
  return { type: "failed", failure: failureOf(new AgentError({ code: "agent_timeout", message })) };
}
