/**
 * What follows when an attempt succeeds, fails or is lost. The order of rescue: a further attempt, then each fallback with
 * attempts of its own, then the step's `on_error`.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { decideEnsemble, type Decision } from "./ensemble.ts";
import type { Failure, TaskEvent, Usage } from "./event.ts";
import type { Graph, StepNode } from "./graph.ts";
import { retryDelayMs } from "./retry.ts";
import { scopeOfStep } from "./scope.ts";
import type { Ensemble } from "./staffing.ts";
import { stepStateAt, type Attempt, type EnsembleReply, type StepState, type TaskState } from "./state.ts";
import { expressionError, failStep, type ReleasedAttempt } from "./step.ts";
import { readValue, type StoredValue } from "./value.ts";
import type { World } from "./world.ts";

/** What comes with a reply, whatever it says. */
interface ReplyFacts {
  readonly digest?: string | undefined;
  readonly ms?: number | undefined;
}

/** Facts when an attempt brings an output. */
export function completeAttempt(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  attempt: Attempt,
  reply: ReplyFacts & { readonly output: StoredValue; readonly usage?: Usage | undefined },
  world: World,
): readonly TaskEvent[] {
  const others = othersOf(stepStateAt(state, node.index), attempt);
  const facts = {
    step: node.id,
    attempt: attempt.number,
    output: reply.output,
    ...(reply.usage && { usage: reply.usage }),
    ...factsOf(reply),
    ...holderOf(attempt),
  };
  if (node.ensemble === null || node.ensemble.mode === "first") {
    return [...cancelAttempts(node, others, "superseded", world), { ...facts, type: "step.completed" }];
  }
  const measured = measure(graph, state, node, node.ensemble, reply.output, world);
  if ("error" in measured) return failAttempt(graph, state, node, attempt, measured.error, world, reply);
  const { key, score } = measured;
  const completed: TaskEvent = { ...facts, type: "attempt.completed", ...(key !== null && { key }), ...(score !== null && { score }) };
  const replies = [
    ...(stepStateAt(state, node.index).replied ?? []),
    { attempt: attempt.number, agent: attempt.agent, output: reply.output, key, score },
  ];
  const error = stepStateAt(state, node.index).roundError ?? NO_QUORUM;
  return [completed, ...afterReply(graph, state, node, others, replies, error, world)];
}

/** Facts when an attempt ends in a failure. */
export function failAttempt(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  attempt: Attempt,
  error: Failure,
  world: World,
  reply: ReplyFacts = {},
): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const failed: TaskEvent = {
    type: "attempt.failed",
    step: node.id,
    attempt: attempt.number,
    error,
    ...factsOf(reply),
    ...holderOf(attempt),
  };
  const others = othersOf(step, attempt);
  if (node.ensemble !== null) return [failed, ...afterReply(graph, state, node, others, step.replied ?? [], error, world)];
  // While another agent works on it nothing is lost yet.
  return others.length > 0 ? [failed] : [failed, ...tryAgain(graph, state, node, error, world)];
}

/** The same attempt goes out again, up to a limit; being lost is not the agent's failure. */
export function loseAttempt(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, world: World): readonly TaskEvent[] {
  if (attempt.losses < LIMITS.resends) return [{ type: "attempt.lost", step: node.id, attempt: attempt.number, sends: attempt.losses + 1 }];
  const message = `The attempt was sent ${LIMITS.resends + 1} times and never answered`;
  return failAttempt(graph, state, node, attempt, { code: "attempt_lost", message, retryable: false }, world);
}

/** A further attempt if the policy allows one, else the next fallback, else the step's end. */
export function tryAgain(graph: Graph, state: TaskState, node: StepNode, error: Failure, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const { retry } = node;
  if (!error.retryable || retry.nonRetryable.includes(error.code) || step.tries >= retry.maxAttempts) {
    return fallBack(graph, state, node, error, world);
  }
  const delayMs = retryDelayMs(retry, step.tries, attemptKey(state, node, step.attempts), error.retry_after_ms);
  return [{ type: "step.retry_scheduled", step: node.id, attempt: step.attempts + 1, retry_at: world.now + delayMs }];
}

/** The present target is given up. */
export function fallBack(graph: Graph, state: TaskState, node: StepNode, error: Failure, world: World): readonly TaskEvent[] {
  const next = stepStateAt(state, node.index).target + 1;
  if (next < node.targets.length) return [{ type: "step.degraded", step: node.id, error, fallback: next }];
  return failStep(graph, state, node, error, world);
}

/** Attempts that nobody waits for any more. */
export function cancelAttempts(
  node: StepNode,
  attempts: readonly Attempt[],
  reason: "superseded" | "decided" | "expired",
  world: World,
): readonly TaskEvent[] {
  return attempts.map((attempt) => ({
    type: "attempt.canceled",
    step: node.id,
    attempt: attempt.number,
    reason,
    ms: world.now - attempt.startedAt,
    ...holderOf(attempt),
  }));
}

/** How long an attempt that begins now may take: the step's timeout, cut to what the agent allows and to the deadline. */
export function attemptTimeoutMs(state: TaskState, node: StepNode, attempt: Pick<Attempt, "timeoutMs"> | undefined, now: number): number {
  const untilDeadline = (state.created.deadline_at ?? Number.POSITIVE_INFINITY) - now;
  return Math.max(1, Math.min(node.timeoutMs, attempt?.timeoutMs ?? Number.POSITIVE_INFINITY, untilDeadline));
}

/** Names an attempt among all attempts there are: the seed of everything random about it. */
export function attemptKey(state: TaskState, node: StepNode, number: number): string {
  return `${state.created.task}/${node.id}/${number}`;
}

/** Who had the attempt, for whoever must let go of it. */
export function holderOf(attempt: Attempt): ReleasedAttempt {
  const { agent, capability, slot, hedge, way } = attempt;
  return {
    agent,
    ...(capability !== null && { capability }),
    ...(slot && { slot: true }),
    ...(hedge && { hedge: true }),
    ...(way === null && { in_line: true }),
  };
}

function othersOf(step: StepState, attempt: Attempt): readonly Attempt[] {
  return step.phase.status === "running" ? step.phase.live.filter((other) => other.number !== attempt.number) : [];
}

function factsOf({ digest, ms }: ReplyFacts) {
  return { ...(digest !== undefined && { digest }), ...(ms !== undefined && { ms }) };
}

/** Whether an ensemble's replies so far decide; `error` is what it fails with if they cannot any more. */
export function afterReply(
  graph: Graph,
  state: TaskState,
  node: StepNode,
  others: readonly Attempt[],
  replies: readonly EnsembleReply[],
  error: Failure,
  world: World,
): readonly TaskEvent[] {
  const decision = decideEnsemble(node.ensemble as Ensemble, replies, others.length);
  if (decision.type === "undecided") return [];
  const canceled = cancelAttempts(node, others, "decided", world);
  if (decision.type === "impossible") return [...canceled, ...tryAgain(graph, state, node, error, world)];
  const output = outputOf(decision, world);
  if (output === null) {
    const tooLarge: Failure = { code: "reply_too_large", message: "The replies together are larger than a value may be", retryable: false };
    return [...canceled, ...tryAgain(graph, state, node, tooLarge, world)];
  }
  const winner = decision.type === "one" ? { attempt: decision.reply.attempt } : {};
  return [...canceled, { type: "step.completed", step: node.id, output, ...winner }];
}

function outputOf(decision: Extract<Decision, { readonly type: "one" | "all" }>, world: World): StoredValue | null {
  if (decision.type === "one") return decision.reply.output;
  // Known before any is read: all of them at once might not fit the memory.
  const bytes = decision.replies.reduce((sum, { output }) => sum + (output.bytes ?? 0), 0);
  if (bytes > LIMITS.valueBytes) return null;
  return world.values.write(decision.replies.map((reply) => readValue(reply.output, world.values)));
}

const NO_QUORUM: Failure = { code: "no_quorum", message: "The agents' replies differ too much to decide", retryable: true };

/** A short text as it is, a long one by its hash: what is compared stands in an event. */
function keyOf(text: string): string {
  return text.length <= MAX_KEY ? text : bytesToHex(sha256(utf8ToBytes(text)));
}
const MAX_KEY = 200;

type Measured = { readonly key: string | null; readonly score: number | null } | { readonly error: Failure };

/** What a reply is compared and ranked by. */
function measure(graph: Graph, state: TaskState, node: StepNode, ensemble: Ensemble, stored: StoredValue, world: World): Measured {
  if (ensemble.mode === "all" || ensemble.mode === "first") return { key: null, score: null };
  const output = readValue(stored, world.values);
  const expression = ensemble.mode === "best" ? ensemble.score : ensemble.by;
  const scope = Object.defineProperty(scopeOfStep(graph, state, node, world.values), "output", { value: output, enumerable: true });
  const value = expression === null ? { ok: true as const, value: output } : expression.evaluate(scope);
  const field = ensemble.mode === "best" ? "score" : "by";
  if (!value.ok) return { error: expressionError(node, `ensemble.${field}`, value.error) };
  if (ensemble.mode === "quorum") return { key: keyOf(canonicalJson(value.value)), score: null };
  if (typeof value.value === "number") return { key: null, score: value.value };
  return { error: expressionError(node, "ensemble.score", `expected a number, got ${JSON.stringify(value.value).slice(0, 100)}`) };
}
