/**
 * What an input establishes. Stale and repeated inputs establish nothing: a reply counts only while its attempt is in
 * flight (the fence), and only the reply that settled an attempt may be repeated.
 */
import { rejection, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "../shared/limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { TaskEvent } from "./event.ts";
import { attemptTimeoutMs, completeAttempt, failAttempt, loseAttempt } from "./attempt.ts";
import { declineAttempt, startInLine } from "./line.ts";
import { stepAt, type Graph, type StepNode } from "./graph.ts";
import type { InputOf, TaskInput } from "./input.ts";
import { cancelSteps } from "./step.ts";
import { liveAttempt, statusOf, stepStateAt, targetOfStep, type Attempt, type StepState, type TaskState } from "./state.ts";
import type { World } from "./world.ts";

export type Admission = Result<readonly TaskEvent[], Rejection>;

const NOTHING: Admission = ok([]);

export function admit(graph: Graph, state: TaskState, input: TaskInput, world: World): Admission {
  switch (input.type) {
    case "wake":
    case "look":
      return NOTHING;
    case "pause":
      if (state.end !== null || state.paused) return forbidden(state, "paused");
      return ok([{ type: "task.paused" }]);
    case "resume":
      if (!state.paused || state.end !== null) return forbidden(state, "resumed");
      return ok([{ type: "task.resumed" }]);
    case "cancel":
      if (state.end?.status === "canceled") return NOTHING;
      if (state.end !== null) return forbidden(state, "canceled");
      return ok([
        ...cancelSteps(graph, state, "task_canceled"),
        { type: "task.canceled", ...(input.reason !== undefined && { reason: input.reason }) },
      ]);
    case "archive":
      return state.end === null || state.archivedAt !== null
        ? NOTHING
        : ok([{ type: "task.archived", parts: input.parts, bytes: input.bytes }]);
    case "claim":
    case "accept":
    case "heartbeat":
    case "complete":
    case "fail":
    case "lose":
    case "grant":
    case "decline":
      return admitReply(graph, state, input, world);
  }
}

type Reply = InputOf<"claim" | "accept" | "heartbeat" | "complete" | "fail" | "lose" | "grant" | "decline">;

function admitReply(graph: Graph, state: TaskState, input: Reply, world: World): Admission {
  const index = graph.indexById.get(input.step);
  if (index === undefined) return err(superseded(input));
  const node = stepAt(graph, index);
  const step = stepStateAt(state, index);
  const attempt = liveAttempt(step, input.attempt);
  if (attempt === undefined) return admitLateReply(step, input);
  if (attempt.way === null) return admitInLine(graph, state, node, attempt, input, world);
  switch (input.type) {
    case "grant":
      return NOTHING; // it has its slot already
    case "decline":
      // What was sent out but is not at work yet may be called off; whose slot it is decides that itself.
      if (attempt.slot || attempt.claim !== null) return err(superseded(input));
      return ok(declineAttempt(graph, state, node, attempt, declined(attempt, input, world), world));
    case "claim":
      if (
        attempt.way !== "queue" ||
        (attempt.claim !== null && !(attempt.claim.via === "queue" && input.delivery > attempt.claim.delivery))
      )
        return err(superseded(input));
      return ok([
        {
          ...fence(input),
          type: "attempt.claimed",
          via: "queue",
          delivery: input.delivery,
          // No consumer awaits an agent for longer, whatever the step allows one that calls back.
          lease_until: world.now + Math.min(attemptTimeoutMs(state, node, attempt, world.now), LIMITS.awaitMs) + LIMITS.leaseGraceMs,
        },
      ]);
    case "accept":
      if (attempt.claim !== null && attempt.claim.via !== "queue") return NOTHING;
      return ok([
        {
          ...fence(input),
          type: "attempt.claimed",
          via: "callback",
          lease_until: world.now + attemptTimeoutMs(state, node, attempt, world.now),
          ...(input.ms !== undefined && { ms: input.ms }),
        },
      ]);
    case "heartbeat":
      return admitHeartbeat(state, node, step, attempt, input, world);
    case "complete":
      return ok(completeAttempt(graph, state, node, attempt, { ...input, ms: tookMs(attempt, input, world) }, world));
    case "fail":
      return ok(failAttempt(graph, state, node, attempt, input.error, world, { ...input, ms: tookMs(attempt, input, world) }));
    case "lose":
      return ok(loseAttempt(graph, state, node, attempt, world));
  }
}

/** An attempt in line has nobody who could reply: it is let in or turned away. */
function admitInLine(graph: Graph, state: TaskState, node: StepNode, attempt: Attempt, input: Reply, world: World): Admission {
  switch (input.type) {
    case "grant":
      // What is let in while the task is paused asks again when it goes on.
      if (state.paused) return forbidden(state, "given a slot");
      // Work of an agent that pulls begins with the worker that takes it along.
      if (!input.isPull && world.agents?.find(attempt.agent, targetOfStep(node, stepStateAt(state, node.index)))?.way === "pull")
        return NOTHING;
      return ok(startInLine(state, node, attempt, input.isPull, world));
    case "decline":
      return ok(declineAttempt(graph, state, node, attempt, declined(attempt, input, world), world));
    case "claim":
    case "accept":
    case "heartbeat":
    case "complete":
    case "fail":
    case "lose":
      return err(superseded(input));
  }
}

function declined(attempt: Attempt, input: InputOf<"decline">, world: World): TaskEvent {
  const retry_at = Math.max(input.retryAt, world.now + LIMITS.declineMs);
  return { ...fence(input), type: "attempt.declined", agent: attempt.agent, reason: input.reason, retry_at };
}

/** Somebody who called back or pulled was not awaited: what counts is when the attempt began. */
function tookMs(attempt: Attempt, input: InputOf<"complete" | "fail">, world: World): number {
  return input.ms ?? world.now - attempt.startedAt;
}

function admitLateReply(step: StepState, input: Reply): Admission {
  const digest = "digest" in input ? input.digest : undefined;
  if (digest !== undefined && step.replies?.get(input.attempt) === digest) return NOTHING;
  if (step.phase.status === "canceled" && input.attempt === step.attempts) {
    return err(
      rejection(
        "attempt_canceled",
        `Attempt ${input.attempt} of step "${input.step}" was canceled (${step.phase.reason}); stop working on it`,
      ),
    );
  }
  return err(superseded(input));
}

/**
 * A heartbeat moves the lease of an attempt that calls back. It is recorded only when it moves it by a share of the
 * timeout or brings progress, so that an eager agent does not fill the journal. After many, progress is not recorded any
 * more, and what is still granted, always, is time: at least a second of it.
 */
function admitHeartbeat(
  state: TaskState,
  node: StepNode,
  step: StepState,
  attempt: Attempt,
  input: InputOf<"heartbeat">,
  world: World,
): Admission {
  const isFull = step.heartbeats >= LIMITS.heartbeats;
  const progress = isFull ? undefined : input.progress;
  const extendMs = Math.min(input.extendMs ?? Math.min(node.timeoutMs, attempt.timeoutMs ?? node.timeoutMs), LIMITS.durationMs);
  const current = attempt.claim !== null && attempt.claim.via !== "queue" ? attempt.claim.leaseUntil : null;
  const deadline = state.created.deadline_at ?? Number.POSITIVE_INFINITY;
  const wanted = Math.min(world.now + extendMs, deadline);
  const moves = current !== null && wanted - current >= extendMs * LIMITS.heartbeatShare;
  if (!moves && progress === undefined) return NOTHING;
  const granted = isFull && moves ? Math.min(Math.max(wanted, current + LIMITS.heartbeatLeastMs), deadline) : wanted;
  return ok([
    {
      ...fence(input),
      type: "attempt.progressed",
      ...(moves && { lease_until: granted }),
      ...(progress !== undefined && { progress }),
    },
  ]);
}

function fence(input: Reply): { readonly step: string; readonly attempt: number } {
  return { step: input.step, attempt: input.attempt };
}

function superseded(input: Reply): Rejection {
  return rejection("attempt_superseded", `Attempt ${input.attempt} of step "${input.step}" is no longer current; nothing was changed`);
}

function forbidden(state: TaskState, verb: string): Admission {
  const status = statusOf(state);
  return err(rejection("invalid_state", `A task that is ${status} cannot be ${verb}`, { facts: { task_status: status } }));
}
