/**
 * Agents that ask for patience: a 429 or 503 that says when to come back. They have not worked, so it spends no attempt of
 * the step. The other steps of the task leave them alone as well; then one goes first, and the rest once that is answered.
 */
import { backoffMs } from "../../shared/backoff.ts";
import type { EventOf } from "../facts/event.ts";
import type { Failure } from "../facts/failure.ts";
import type { Receipt } from "../facts/receipt.ts";
import { LIMITS } from "../limits.ts";
import type { TaskState } from "../state/state.ts";
import type { AgentStep, Attempt } from "../state/step-state.ts";
import { factsOf, holderOf, type ReplyFacts } from "./attempt.ts";

/** For as long as a step may be without an agent. Afterwards it is a failure like others. */
export function asksForPatience(state: TaskState, step: AgentStep, attempt: Attempt, error: Failure, now: number): boolean {
  if (state.graph.rules < 1 || !saysWhenToComeBack(error) || step.node.retry.nonRetryable.includes(error.code)) return false;
  return now < (step.patientSince ?? attempt.startedAt) + state.created.queue_ttl_ms;
}

/** A time that has come already says nothing. */
export function saysWhenToComeBack(error: Failure): error is Failure & { readonly retry_after_ms: number } {
  const { status, retryable, retry_after_ms: pauseMs = 0 } = error;
  return retryable && (status === 429 || status === 503) && pauseMs > 0;
}

export function patience(
  state: TaskState,
  { path: step }: AgentStep,
  attempt: Attempt,
  error: Failure,
  reply: ReplyFacts,
  now: number,
): EventOf<"attempt.declined"> {
  const { holds = 0 } = state.evidenceByAgent.get(attempt.agent) ?? {};
  const leastMs = backoffMs({ firstMs: LIMITS.patienceLeastMs, mostMs: LIMITS.patienceMostMs }, holds + 1);
  const pauseMs = Math.max(leastMs, Math.min(error.retry_after_ms ?? 0, LIMITS.retryAfterMs));
  return {
    type: "attempt.declined",
    step,
    attempt: attempt.number,
    reason: error.message,
    retry_at: now + pauseMs,
    error,
    ...factsOf(reply),
    ...holderOf(attempt),
  };
}

/** The agents that are left alone now: those that ask for patience, and those that somebody is finding out about. */
export function* leftAlone({ evidenceByAgent, busyByAgent }: TaskState, now: number): Iterable<string> {
  for (const [agent, { heldUntil }] of evidenceByAgent) {
    if (heldUntil !== undefined && (now < heldUntil || busyByAgent.has(agent))) yield agent;
  }
}

/** When the first of those who could do it may be asked again, where all that keeps them from it is what they said. */
export function comeBackAt(state: TaskState, step: AgentStep, { candidates }: Receipt, now: number): number | null {
  if (state.graph.rules < 1) return null;
  let first: number | null = null;
  for (const { agent } of candidates) {
    const at = Math.max(state.evidenceByAgent.get(agent)?.heldUntil ?? 0, step.declined?.get(agent) ?? 0);
    if (at > now && (first === null || at < first)) first = at;
  }
  return first;
}
