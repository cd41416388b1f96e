/**
 * What follows when an attempt succeeds, fails or is lost. The order of rescue: a further attempt, then each fallback with
 * attempts of its own, then the step's `on_error`.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { decideEnsemble, type Decision } from "./ensemble.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import type { EventOf, TaskEvent } from "../facts/event.ts";
import type { Usage } from "../facts/call.ts";
import { retryDelayMs } from "../../language/retry.ts";
import { NO_MEMBERS, settleMembers } from "../aspects/table.ts";
import { scopeOfStep, withName } from "../state/scope.ts";
import type { Ensemble } from "../../language/staffing.ts";
import type { TaskState } from "../state/state.ts";
import type { AgentStep, Attempt, EnsembleReply } from "../state/step-state.ts";
import { failStep, type ReleasedAttempt } from "./step.ts";
import { newBytes, readValue, TASK_TOO_LARGE, type StoredValue } from "../facts/value.ts";
import { roomFor } from "./recorded.ts";
import { relayFor } from "./way.ts";
import type { World } from "../world.ts";

/** What comes with a reply, whatever it says. */
export interface ReplyFacts {
  readonly digest?: string | undefined;
  readonly ms?: number | undefined;
}

interface CompletedReply extends ReplyFacts {
  readonly output: StoredValue;
  readonly usage?: Usage | undefined;
  readonly usageFault?: string | undefined;
}

/** Facts when an attempt brings an output. */
export function completeAttempt(
  state: TaskState,
  step: AgentStep,
  attempt: Attempt,
  reply: CompletedReply,
  world: World,
): readonly TaskEvent[] {
  const { node } = step;
  if (newBytes(reply.output, state.lastPayload) > roomFor(state)) return failAttempt(state, step, attempt, TASK_TOO_LARGE, world, reply);
  const others = othersOf(step, attempt);
  if (node.ensemble === null || node.ensemble.mode === "first") {
    const facts = completion("step.completed", step, attempt, reply);
    const more = settleMembers(state, step, world);
    return [...cancelAttempts(step, others, "superseded", world), more === NO_MEMBERS ? facts : { ...facts, ...more }];
  }
  const measured = measure(state, step, node.ensemble, reply.output, world);
  if ("error" in measured) return failAttempt(state, step, attempt, measured.error, world, reply);
  const { key, score } = measured;
  const facts = completion("attempt.completed", step, attempt, reply);
  const completed: TaskEvent = { ...facts, ...(key !== null && { key }), ...(score !== null && { score }) };
  const replies = [...(step.replied ?? []), { attempt: attempt.number, agent: attempt.agent, output: reply.output, key, score }];
  const error = step.roundError ?? NO_QUORUM;
  return [completed, ...afterReply(state, step, others, replies, error, world)];
}

type Completion<T> = Omit<EventOf<"attempt.completed">, "type"> & { readonly type: T };

/** Member by member: of all facts there are most of these, and copies of copies cost more than the rest of a reply. */
function completion<T extends "step.completed" | "attempt.completed">(
  type: T,
  { path }: AgentStep,
  { number, agent, capability, slot, hedge, way }: Attempt,
  { output, usage, usageFault, digest, ms }: CompletedReply,
): Completion<T> {
  const facts: { -readonly [M in keyof Completion<T>]: Completion<T>[M] } = { type, step: path, attempt: number, output, agent };
  if (usage !== undefined) facts.usage = usage;
  if (usageFault !== undefined) facts.usage_fault = usageFault;
  if (digest !== undefined) facts.digest = digest;
  if (ms !== undefined) facts.ms = ms;
  if (capability !== null) facts.capability = capability;
  if (slot) facts.slot = true;
  if (hedge) facts.hedge = true;
  if (way === null) facts.in_line = true;
  return facts;
}

/** Facts when an attempt ends in a failure. */
export function failAttempt(
  state: TaskState,
  step: AgentStep,
  attempt: Attempt,
  error: Failure,
  world: World,
  reply: ReplyFacts = {},
): readonly TaskEvent[] {
  const failed: TaskEvent = {
    type: "attempt.failed",
    step: step.path,
    attempt: attempt.number,
    error,
    ...factsOf(reply),
    ...holderOf(attempt),
  };
  const others = othersOf(step, attempt);
  if (step.node.ensemble !== null) return [failed, ...afterReply(state, step, others, step.replied ?? [], error, world)];
  // While another agent works on it nothing is lost yet.
  return others.length > 0 ? [failed] : [failed, ...tryAgain(state, step, error, world)];
}

/** The same attempt goes out again, up to a limit; being lost is not the agent's failure. */
export function loseAttempt(state: TaskState, step: AgentStep, attempt: Attempt, world: World): readonly TaskEvent[] {
  if (attempt.losses < LIMITS.resends) {
    const relay = attempt.relay !== null && { relay: relayFor(state, step, attempt.number, world, attempt.relay) };
    return [{ type: "attempt.lost", step: step.path, attempt: attempt.number, sends: attempt.losses + 1, ...relay }];
  }
  const message = `The attempt was sent ${LIMITS.resends + 1} times and never answered`;
  return failAttempt(state, step, attempt, { code: "attempt_lost", message, retryable: false }, world);
}

/** A further attempt if the policy allows one, else the next fallback, else the step's end. */
export function tryAgain(state: TaskState, step: AgentStep, error: Failure, world: World): readonly TaskEvent[] {
  const { retry } = step.node;
  if (!error.retryable || retry.nonRetryable.includes(error.code) || step.tries >= retry.maxAttempts) {
    return fallBack(state, step, error, world);
  }
  const delayMs = retryDelayMs(retry, step.tries, attemptKey(state, step, step.attempts), error.retry_after_ms);
  return [{ type: "step.retry_scheduled", step: step.path, attempt: step.attempts + 1, retry_at: world.now + delayMs }];
}

/** The present target is given up. */
export function fallBack(state: TaskState, step: AgentStep, error: Failure, world: World): readonly TaskEvent[] {
  const next = step.target + 1;
  if (next < step.node.targets.length) return [{ type: "step.degraded", step: step.path, error, fallback: next }];
  return failStep(state, step, error, world);
}

/** Attempts that nobody waits for any more. */
export function cancelAttempts(
  step: AgentStep,
  attempts: readonly Attempt[],
  reason: "superseded" | "decided" | "expired",
  world: World,
): readonly TaskEvent[] {
  return attempts.map((attempt) => ({
    type: "attempt.canceled",
    step: step.path,
    attempt: attempt.number,
    reason,
    ms: world.now - attempt.startedAt,
    ...holderOf(attempt),
  }));
}

/** How long an attempt that begins now may take: the step's timeout, cut to what the agent allows and to the deadline. */
export function attemptTimeoutMs(
  state: TaskState,
  { node }: AgentStep,
  attempt: Pick<Attempt, "timeoutMs"> | undefined,
  now: number,
): number {
  // Undoing what was done has no deadline.
  const untilDeadline = state.ending === null ? (state.created.deadline_at ?? Number.POSITIVE_INFINITY) - now : Number.POSITIVE_INFINITY;
  return Math.max(1, Math.min(node.timeoutMs, attempt?.timeoutMs ?? Number.POSITIVE_INFINITY, untilDeadline));
}

/** Names an attempt among all attempts there are: the seed of everything random about it. */
export function attemptKey(state: TaskState, step: AgentStep, number: number): string {
  return `${state.created.task}/${step.path}/${number}`;
}

/** An agent gets this key with every attempt at a step, so that it can recognise work it has done already. */
export function idempotencyKey(state: TaskState, step: AgentStep): string {
  return `${state.created.task}/${step.path}/1`;
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

export function othersOf(step: AgentStep, attempt: Attempt): readonly Attempt[] {
  return step.phase.status === "running" ? step.phase.live.filter((other) => other.number !== attempt.number) : [];
}

export function factsOf({ digest, ms }: ReplyFacts) {
  return { ...(digest !== undefined && { digest }), ...(ms !== undefined && { ms }) };
}

/** Whether an ensemble's replies so far decide; `error` is what it fails with if they cannot any more. */
export function afterReply(
  state: TaskState,
  step: AgentStep,
  others: readonly Attempt[],
  replies: readonly EnsembleReply[],
  error: Failure,
  world: World,
): readonly TaskEvent[] {
  const decision = decideEnsemble(step.node.ensemble as Ensemble, replies, others.length);
  if (decision.type === "undecided") return [];
  const canceled = cancelAttempts(step, others, "decided", world);
  if (decision.type === "impossible") return [...canceled, ...tryAgain(state, step, error, world)];
  const output = outputOf(decision, world);
  if (output === null) {
    const tooLarge: Failure = { code: "reply_too_large", message: "The replies together are larger than a value may be", retryable: false };
    return [...canceled, ...tryAgain(state, step, tooLarge, world)];
  }
  const winner = decision.type === "one" ? { attempt: decision.reply.attempt } : {};
  return [...canceled, { type: "step.completed", step: step.path, output, ...winner, ...settleMembers(state, step, world) }];
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
function measure(state: TaskState, step: AgentStep, ensemble: Ensemble, stored: StoredValue, world: World): Measured {
  if (ensemble.mode === "all" || ensemble.mode === "first") return { key: null, score: null };
  const output = readValue(stored, world.values);
  const expression = ensemble.mode === "best" ? ensemble.score : ensemble.by;
  const scope = withName(scopeOfStep(state, step, world.values), "output", output);
  const value = expression === null ? { ok: true as const, value: output } : expression.evaluate(scope);
  const field = ensemble.mode === "best" ? "score" : "by";
  if (!value.ok) return { error: expressionError(step, `ensemble.${field}`, value.error) };
  if (ensemble.mode === "quorum") return { key: keyOf(canonicalJson(value.value)), score: null };
  if (typeof value.value === "number") return { key: null, score: value.value };
  return { error: expressionError(step, "ensemble.score", `expected a number, got ${JSON.stringify(value.value).slice(0, 100)}`) };
}
