/** What follows when an attempt fails or is lost. The order of rescue is a further attempt, then the step's `on_error`. */
import { LIMITS } from "../shared/limits.ts";
import type { Failure, TaskEvent } from "./event.ts";
import type { Graph, StepNode } from "./graph.ts";
import { retryDelayMs } from "./retry.ts";
import { failStep } from "./step.ts";
import type { Attempt, TaskState } from "./state.ts";
import type { World } from "./world.ts";

/** Facts when attempt `number` of a step ends in a failure. */
export function failAttempt(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  attempt: { readonly number: number; readonly digest?: string | undefined; readonly ms?: number | undefined },
  error: Failure,
  world: World,
): readonly TaskEvent[] {
  const { number, digest, ms } = attempt;
  const failed: TaskEvent = {
    type: "attempt.failed",
    step: node.id,
    attempt: number,
    error,
    ...(digest !== undefined && { digest }),
    ...(ms !== undefined && { ms }),
  };
  const mayRetry = error.retryable && !node.retry.nonRetryable.includes(error.code) && number < node.retry.maxAttempts;
  if (!mayRetry) return [failed, ...failStep(graph, state, node, error, world)];
  const delayMs = retryDelayMs(node.retry, number, attemptKey(state, node, number), error.retry_after_ms);
  return [failed, { type: "step.retry_scheduled", step: node.id, attempt: number + 1, retry_at: world.now + delayMs }];
}

/** The same attempt goes out again, up to a limit; being lost is not the agent's failure. */
export function loseAttempt(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, world: World): readonly TaskEvent[] {
  if (attempt.losses < LIMITS.resends) return [{ type: "attempt.lost", step: node.id, attempt: attempt.number, sends: attempt.losses + 1 }];
  const message = `The attempt was sent ${LIMITS.resends + 1} times and never answered`;
  return failAttempt(graph, state, node, attempt, { code: "attempt_lost", message, retryable: false }, world);
}

/** How long an attempt that begins now may take: the step's timeout, cut to the task's deadline. */
export function attemptTimeoutMs(state: TaskState, node: StepNode, now: number): number {
  const untilDeadline = (state.created.deadline_at ?? Number.POSITIVE_INFINITY) - now;
  return Math.max(1, Math.min(node.timeoutMs, untilDeadline));
}

/** Names an attempt among all attempts there are: the seed of everything random about it. */
export function attemptKey(state: TaskState, node: StepNode, number: number): string {
  return `${state.created.task}/${node.id}/${number}`;
}
