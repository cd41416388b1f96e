/** What follows when a step begins, fails for good or is not wanted any more. */
import { settleMembers } from "../aspects/table.ts";
import { expressionError } from "../facts/failure.ts";
import type { CancelReason, EventOf, SkipReason, TaskEvent } from "../facts/event.ts";
import type { Failure } from "../facts/failure.ts";
import { stepsOf } from "../state/frame.ts";
import { type Frame, isSettled, type Step } from "../state/step-state.ts";
import { scopeOfStep } from "../state/scope.ts";
import { unsettledSteps, type TaskState } from "../state/state.ts";
import type { World } from "../world.ts";
import { recorded } from "./recorded.ts";

/** Facts when a step fails for good; what is inside it ends with it. */
export function failStep(state: TaskState, step: Step, error: Failure, world: World): readonly TaskEvent[] {
  return [...cancelInside(state, step, "block_ended"), failure(state, step, error, world)];
}

function failure(state: TaskState, step: Step, error: Failure, world: World): TaskEvent {
  const { onError } = step.node;
  const more = { ...childrenFact(state, step), ...settleMembers(state, step, null) };
  if (onError.type !== "output") return { type: "step.failed", step: step.path, error, ...more };
  const output = onError.output.evaluate(() => scopeOfStep(state, step, world.values));
  if (!output.ok) return { type: "step.failed", step: step.path, error: expressionError(step, "on_error", output.error), ...more };
  const stored = recorded(state, output.value, world);
  if (!stored.ok) return { type: "step.failed", step: step.path, error: stored.error, ...more };
  return { type: "step.completed", step: step.path, output: stored.value, degraded: error, ...more };
}

function childrenFact(state: TaskState, step: Step): { readonly children?: readonly string[] } {
  const children = step.phase.status === "open" ? childrenOf(state, step) : [];
  return children.length > 0 ? { children } : {};
}

/** Who had an attempt, as events say it. */
export interface ReleasedAttempt {
  readonly agent: string;
  readonly capability?: string;
  readonly slot?: true;
  readonly hedge?: true;
  readonly in_line?: true;
}

/** Facts that end every step that has not settled, but for one. */
export function cancelSteps(state: TaskState, reason: CancelReason, but?: Step): readonly TaskEvent[] {
  return [...unsettledSteps(state)].filter((step) => step !== but).map((step) => canceled(state, step, reason));
}

/** Facts that end the steps of a frame, and those inside them. */
export function cancelFrame(state: TaskState, frame: Frame, reason: CancelReason): readonly TaskEvent[] {
  return stepsOf(state, frame)
    .filter(({ phase }) => !isSettled(phase))
    .flatMap((step) => [...cancelInside(state, step, reason), canceled(state, step, reason)]);
}

function cancelInside(state: TaskState, step: Step, reason: CancelReason): readonly TaskEvent[] {
  const frames = step.phase.status === "open" ? [...(step.branches?.frames.values() ?? [])] : [];
  return frames.flatMap((frame) => cancelFrame(state, frame, reason));
}

function canceled(state: TaskState, step: Step, reason: CancelReason): EventOf<"step.canceled"> {
  const { phase } = step;
  const live = phase.status === "running" ? phase.live : [];
  const inLine = live.filter((attempt) => attempt.way === null).map((attempt) => attempt.number);
  const slots = live.filter((attempt) => attempt.slot).map((attempt) => attempt.number);
  return {
    type: "step.canceled",
    step: step.path,
    reason,
    ...(live.length > 0 && { attempts: live.map((attempt) => attempt.number), agents: live.map((attempt) => attempt.agent) }),
    ...(slots.length > 0 && { slots }),
    ...(inLine.length > 0 && { in_line: inLine }),
    ...childrenFact(state, step),
    ...settleMembers(state, step, null),
  };
}

/** Tasks that a step has started and that have not ended. */
export function childrenOf(state: TaskState, step: Step): readonly string[] {
  return [...state.children].flatMap(([task, child]) => (child.step === step.index ? [task] : []));
}

export function skipped(state: TaskState, step: Step, reason: SkipReason): TaskEvent {
  return { type: "step.skipped", step: step.path, reason, ...settleMembers(state, step, null) };
}
