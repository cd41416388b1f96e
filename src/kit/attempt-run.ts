/** One attempt on its way: from its execution, which it may share with others, to the orchestrator. */
import { AgentError, failureOf } from "./agent-error.ts";
import type { Callback } from "./callback.ts";
import { createDeferred } from "./deferred.ts";
import type { Execution, Outcome } from "./execution.ts";
import { Heart } from "./heart.ts";

export interface AttemptRun {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /**
   * Sends heartbeats until there is an outcome, and reports that. Resolves when the orchestrator has heard it, does not
   * want it, or could not be reached in many tries. Never rejects. `leaseMs`: how long the attempt is trusted, if known.
   */
  readonly callBack: (leaseMs: number | null) => Promise<void>;
  /** Resolves when nothing runs for it any more, nor for others who have joined it. */
  readonly ended: Promise<unknown>;
  /** Leaves the execution: nobody wants the outcome any more. */
  readonly abandon: (reason: string) => void;
}

/** `onTrouble` hears what the orchestrator did not take. */
export function followExecution(execution: Execution, callback: Callback, onTrouble: (message: string) => void): AttemptRun {
  const abandoned = createDeferred<Outcome>();
  const abandon = (reason: string): void => {
    execution.leave(heart, reason);
    abandoned.resolve({ type: "abandoned", reason });
  };
  const heart = new Heart(callback, {
    isWorking: () => execution.isAlive(Date.now()),
    onUnwanted: abandon,
    onRefused: (detail) => onTrouble(`a heartbeat was refused: ${detail}`),
  });
  execution.join(heart);

  let isCallingBack = false;
  const settle = async (): Promise<Outcome> => {
    const outcome = await Promise.race([execution.outcome, abandoned.promise]);
    if (!isCallingBack) heart.stop();
    return outcome;
  };
  const outcome = settle();
  return {
    outcome,
    abandon,
    ended: execution.ended,
    callBack: async (leaseMs) => {
      isCallingBack = true;
      heart.keepBeating(leaseMs);
      // The heart beats on while the report is on its way: the lease runs until it is heard.
      await report(await outcome, callback, abandoned.promise, onTrouble);
      heart.stop();
    },
  };
}

/** An attempt whose outcome is there already. */
export function endedRun(outcome: Outcome, callback: Callback, onTrouble: (message: string) => void): AttemptRun {
  const never = createDeferred().promise;
  return {
    outcome: Promise.resolve(outcome),
    ended: Promise.resolve(),
    abandon: () => {},
    callBack: () => report(outcome, callback, never, onTrouble),
  };
}

async function report(
  outcome: Outcome,
  callback: Callback,
  unwanted: Promise<unknown>,
  onTrouble: (message: string) => void,
): Promise<void> {
  if (outcome.type === "abandoned") return;
  const isCompleted = outcome.type === "completed";
  const heard = isCompleted ? await callback.complete(outcome.body, unwanted) : await callback.fail(outcome.failure, unwanted);
  if (heard.type === "heard" || heard.type === "unwanted") return;
  onTrouble(`the ${isCompleted ? "output" : "failure"} was not taken: ${heard.detail}`);
  if (heard.type === "unheard" || !isCompleted) return;
  // Unless it is told, the orchestrator would wait for the lease to end, and try again.
  const refusal = new AgentError({ code: "output_refused", message: `The output was refused: ${heard.detail}`, retryable: false });
  await callback.fail(failureOf(refusal), unwanted);
}
