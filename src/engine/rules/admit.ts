/**
 * What an input establishes. Stale and repeated inputs establish nothing: a reply counts only while its attempt is in
 * flight (the fence), and only the reply that settled an attempt may be repeated.
 */
import { causedBy } from "../../shared/actor.ts";
import type { Admission } from "../facts/input.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { err, ok } from "../../shared/result.ts";
import type { EventOf } from "../facts/event.ts";
import { attemptTimeoutMs, completeAttempt, failAttempt, holderOf, loseAttempt } from "./attempt.ts";
import { admitToAspect } from "../aspects/table.ts";
import { carryOut } from "./ruling.ts";
import { asksForPatience, patience } from "./patience.ts";
import { declineAttempt, startInLine } from "./line.ts";
import { endEarly } from "./ending.ts";
import type { InputOf, TaskInput } from "../facts/input.ts";
import { admitKeep } from "./kept.ts";
import { childFailure } from "../facts/failure.ts";
import { decide, withdrawLink } from "./decisions.ts";
import { admitSignal } from "../kinds/signal.ts";
import { statusOf, stepAt, type TaskState } from "../state/state.ts";
import { isKind, liveAttempt, targetOfStep, type AgentStep, type Attempt, type Step } from "../state/step-state.ts";
import type { World } from "../world.ts";

const NOTHING: Admission = ok([]);

export function admit(state: TaskState, input: TaskInput, world: World): Admission {
  switch (input.type) {
    case "wake":
    case "look":
      return NOTHING;
    case "pause":
    case "resume":
      return admitPause(state, input);
    case "cancel":
      if (state.end?.status === "canceled" || (state.end === null && state.ending?.status === "canceled")) return NOTHING;
      if (state.end !== null || state.ending !== null) return forbidden(state, "canceled");
      // It may have something to undo, and who cancels it waits for nobody to resume it.
      return ok([
        ...(state.paused
          ? ([{ type: "task.resumed", ...(state.pausedWithParent && { by: "parent" as const }), ...causedBy(input) }] as const)
          : []),
        ...endEarly(state, { status: "canceled", reason: input.reason, actor: input.actor }),
      ]);
    case "signal":
      return admitSignal(state, input, world);
    case "decide":
      return decide(state, input, world);
    case "withdraw_link":
      return withdrawLink(state, input);
    case "child":
      return admitChild(state, input);
    case "keep":
      return admitKeep(state, input, world.values);
    case "dismissed": {
      const tasks = state.end === null ? input.tasks.filter((task) => state.orphans.has(task)) : [];
      return tasks.length === 0 ? NOTHING : ok([{ type: "child.canceled", tasks }]);
    }
    case "archive":
      return state.end === null || state.archivedAt !== null ? NOTHING : ok([{ ...input, type: "task.archived" }]);
    case "claim":
    case "accept":
    case "heartbeat":
    case "complete":
    case "fail":
    case "lose":
    case "grant":
    case "decline":
      return admitReply(state, input, world);
    default: {
      const ruling = admitToAspect(state, input, world);
      return ruling.ok ? ok(carryOut(state, ruling.value, world)) : ruling;
    }
  }
}

/** What the task's parent says takes back nothing but itself, and holds up no undoing that it has asked for. */
function admitPause(state: TaskState, input: InputOf<"pause" | "resume">): Admission {
  const { type, by } = input;
  const facts: Admission = ok([{ type: type === "pause" ? "task.paused" : "task.resumed", ...(by && { by }), ...causedBy(input) }]);
  if (by === "parent") {
    const isNews = type === "pause" ? !state.paused && state.ending?.status !== "canceled" : state.pausedWithParent;
    return isNews && state.end === null ? facts : NOTHING;
  }
  if (state.end !== null || state.paused === (type === "pause")) return forbidden(state, `${type}d`);
  if (type === "resume" && state.pausedWithParent) {
    const message = "The task is paused because the one that started it is; resume that";
    return err(rejection("invalid_state", message, { facts: { task_status: "paused" } }));
  }
  return facts;
}

type Reply = InputOf<"claim" | "accept" | "heartbeat" | "complete" | "fail" | "lose" | "grant" | "decline">;

function admitChild(state: TaskState, input: InputOf<"child">): Admission {
  const { type: _, task, status, output, error, isWorded, failedItems, undo, ...members } = input;
  const child = state.children.get(task);
  if (child === undefined) return NOTHING; // heard of already, or not wanted any more
  const step = stepAt(state, child.step);
  // Of tasks that have some of a map's items nobody knows; what counts is how the items failed.
  const isPlain = error !== null && (isWorded === true || step.node.blocks.length > 0);
  const failure = isPlain ? error : childFailure(task, status, error);
  const isCompleted = status === "completed";
  if (child.undoes !== undefined) {
    const of = { step: step.path, task };
    return ok([isCompleted ? { ...of, type: "compensation.completed" } : { ...of, type: "compensation.failed", error: failure }]);
  }
  return ok([
    {
      type: "child.ended",
      step: step.path,
      branch: child.branch,
      task,
      status,
      ...(isCompleted && { output: output ?? { value: null } }),
      ...((!isCompleted || error !== null) && { error: failure }),
      ...(failedItems > 0 && { failed_items: failedItems }),
      ...(isCompleted && undo !== undefined && { undo }),
      ...members,
    },
  ]);
}

function admitReply(state: TaskState, input: Reply, world: World): Admission {
  const step = state.stepByPath.get(input.step);
  if (step === undefined || !isKind(step, "agent")) return err(superseded(input));
  const attempt = liveAttempt(step, input.attempt);
  if (attempt === undefined) return admitLateReply(step, input);
  if (attempt.way === null) return admitInLine(state, step, attempt, input, world);
  switch (input.type) {
    case "grant":
      return NOTHING; // it has its slot already
    case "decline":
      // What was sent out but is not at work yet may be called off; whose slot it is decides that itself.
      if (input.isReturned !== true && (attempt.slot || attempt.claim !== null)) return err(superseded(input));
      return ok(declineAttempt(state, step, attempt, declined(attempt, input, world), world));
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
          lease_until: world.now + Math.min(attemptTimeoutMs(state, step, attempt, world.now), LIMITS.awaitMs) + LIMITS.leaseGraceMs,
          ...(input.renews && { renews: true as const }),
        },
      ]);
    case "accept":
      if (attempt.claim !== null && attempt.claim.via !== "queue") return NOTHING;
      return ok([
        {
          ...fence(input),
          type: "attempt.claimed",
          via: "callback",
          lease_until: world.now + attemptTimeoutMs(state, step, attempt, world.now),
          ...(input.ms !== undefined && { ms: input.ms }),
        },
      ]);
    case "heartbeat":
      return admitHeartbeat(state, step, attempt, input, world);
    case "complete":
      return ok(
        completeAttempt(state, step, attempt, input.ms === undefined ? { ...input, ms: tookMs(attempt, input, world) } : input, world),
      );
    case "fail": {
      const reply = { ...input, ms: tookMs(attempt, input, world) };
      return ok(
        asksForPatience(state, step, attempt, input.error, world.now)
          ? declineAttempt(state, step, attempt, patience(state, step, attempt, input.error, reply, world.now), world)
          : failAttempt(state, step, attempt, input.error, world, reply),
      );
    }
    case "lose":
      return ok(loseAttempt(state, step, attempt, world));
  }
}

/** An attempt in line has nobody who could reply: it is let in or turned away. */
function admitInLine(state: TaskState, step: AgentStep, attempt: Attempt, input: Reply, world: World): Admission {
  switch (input.type) {
    case "grant":
      // What is let in while the task is paused asks again when it goes on.
      if (state.paused) return forbidden(state, "given a slot");
      // Work of an agent that pulls begins with the worker that takes it along.
      if (!input.isPull && world.agents?.find(attempt.agent, targetOfStep(step))?.way === "pull") return NOTHING;
      return ok(startInLine(state, step, attempt, input.isPull, world));
    case "decline":
      return ok(declineAttempt(state, step, attempt, declined(attempt, input, world), world));
    case "claim":
    case "accept":
    case "heartbeat":
    case "complete":
    case "fail":
    case "lose":
      return err(superseded(input));
  }
}

function declined(attempt: Attempt, input: InputOf<"decline">, world: World): EventOf<"attempt.declined"> {
  const retry_at = Math.max(input.retryAt, world.now + LIMITS.declineMs);
  return {
    type: "attempt.declined",
    ...fence(input),
    ...(attempt.way !== null && attempt.slot && holderOf(attempt)),
    agent: attempt.agent,
    reason: input.reason,
    retry_at,
  };
}

/** Somebody who called back or pulled was not awaited: what counts is when the attempt began. */
function tookMs(attempt: Attempt, input: InputOf<"complete" | "fail">, world: World): number {
  return input.ms ?? world.now - attempt.startedAt;
}

function admitLateReply(step: Step, input: Reply): Admission {
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
function admitHeartbeat(state: TaskState, step: AgentStep, attempt: Attempt, input: InputOf<"heartbeat">, world: World): Admission {
  const isFull = step.heartbeats >= LIMITS.heartbeats;
  const progress = isFull ? undefined : input.progress;
  const extendMs = Math.min(input.extendMs ?? Math.min(step.node.timeoutMs, attempt.timeoutMs ?? step.node.timeoutMs), LIMITS.durationMs);
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
