/**
 * Carries out attempts, however they came.
 *
 * R1. Attempts under one idempotency key share one execution while it runs, and its result for as long as it is remembered.
 * R2. A failure is forgotten at once: the next attempt executes again.
 * R3. An attempt that is canceled or superseded leaves its execution; the last to leave aborts it.
 */
import { AgentError, failureOf } from "./agent-error.ts";
import { endedRun, followExecution, type AttemptRun } from "./attempt-run.ts";
import type { Attempt, AttemptAddress } from "./attempt.ts";
import { Callback, type Fetch } from "./callback.ts";
import type { CheckedDefinition } from "./definition.ts";
import { Execution, type Outcome } from "./execution.ts";
import { RecentResults } from "./recent-results.ts";

export class AttemptRunner {
  readonly #definition: CheckedDefinition;
  readonly #recent: RecentResults;
  readonly #executions = new Map<string, Execution>();
  /** Those without an outcome, by the address of their attempt. One attempt may be asked for twice. */
  readonly #runs = new Map<string, Set<AttemptRun>>();

  constructor(definition: CheckedDefinition) {
    this.#definition = definition;
    this.#recent = new RecentResults(definition.rememberedResults, definition.rememberedBytes);
  }

  /** Starts it, joins what runs under its key already, or has its result at once. Never throws. `fetch` calls back. */
  start(attempt: Attempt, fetch: Fetch = this.#definition.fetch): AttemptRun {
    const { taskId, stepId, attempt: number } = attempt;
    const onTrouble = (message: string): void => this.#definition.onTrouble({ message, taskId, stepId, attempt: number });
    const callback = new Callback(attempt.callbackUrl, fetch);
    const capability = attempt.capability ?? this.#definition.capabilities[0]?.name ?? "";
    const key = `${capability} ${attempt.idempotencyKey}`;
    const known = this.#recent.get(key);
    if (known !== undefined) return endedRun({ type: "completed", body: known }, callback, onTrouble);
    const execute = this.#definition.executeByName.get(capability);
    if (execute === undefined) return endedRun(this.#unknownCapability(capability), callback, onTrouble);

    const running = this.#executions.get(key);
    const execution = running?.isAlive(Date.now()) ? running : new Execution(attempt, capability, execute, this.#definition);
    if (execution !== running) void this.#keep(key, execution);
    const run = followExecution(execution, callback, onTrouble);
    void this.#keepUntilOutcome(attempt, run);
    return run;
  }

  /** Abandons the attempt, if it runs here. */
  cancel(address: AttemptAddress, reason: string): void {
    for (const run of this.#runs.get(addressKey(address)) ?? []) run.abandon(reason);
  }

  async #keep(key: string, execution: Execution): Promise<void> {
    this.#executions.set(key, execution);
    const outcome = await execution.outcome;
    // By then another may have taken the place of one that seemed dead.
    if (this.#executions.get(key) === execution) this.#executions.delete(key);
    if (outcome.type === "completed") this.#recent.set(key, outcome.body);
  }

  async #keepUntilOutcome(attempt: AttemptAddress, run: AttemptRun): Promise<void> {
    const key = addressKey(attempt);
    const runs = this.#runs.get(key) ?? new Set();
    this.#runs.set(key, runs.add(run));
    await run.outcome;
    runs.delete(run);
    if (runs.size === 0 && this.#runs.get(key) === runs) this.#runs.delete(key);
  }

  #unknownCapability(capability: string): Outcome {
    const offered = this.#definition.capabilities.map(({ name }) => name).join(", ");
    const message = `This agent has no capability "${capability}"; it offers ${offered}`;
    return { type: "failed", failure: failureOf(new AgentError({ code: "unknown_capability", message, retryable: false })) };
  }
}

function addressKey({ taskId, stepId, attempt }: AttemptAddress): string {
  return JSON.stringify([taskId, stepId, attempt]);
}
