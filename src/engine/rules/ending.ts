/** How a task comes to its end: at once, or after it has undone what it did. */
import { causedBy, type By } from "../../shared/actor.ts";
import type { CancelReason, TaskEvent } from "../facts/event.ts";
import type { Failure } from "../facts/failure.ts";
import type { Frame } from "../state/step-state.ts";
import { nextToUndo } from "../state/compensations.ts";
import { cancelSteps } from "./step.ts";
import { stepAt, type Ending, type TaskState, type Undoable } from "../state/state.ts";
import type { World } from "../world.ts";

type Outcome =
  | { readonly status: "failed" | "timed_out"; readonly error: Failure }
  | { readonly status: "canceled"; readonly reason?: string | undefined; readonly actor?: By | undefined };

/** Facts that follow once nothing else is to be done: the end, or first the undoing. */
export function endFacts(state: TaskState, outcome: Outcome): readonly TaskEvent[] {
  if (state.undoable.length === 0) return [terminal(outcome)];
  const { status } = outcome;
  return [{ type: "task.ending", ending: status, ...("error" in outcome ? { error: outcome.error } : cancellation(outcome)) }];
}

/** Facts that end a task early, whatever it is doing. */
export function endEarly(state: TaskState, outcome: Outcome, because?: CancelReason): readonly TaskEvent[] {
  const byStatus = outcome.status === "canceled" ? "task_canceled" : outcome.status === "timed_out" ? "task_timed_out" : "fail_fast";
  return [...cancelSteps(state, because ?? byStatus), ...endFacts(state, outcome)];
}

/** Facts that end a task that has not begun. */
export function rejectTask(state: TaskState, error: Failure): readonly TaskEvent[] {
  return [...cancelSteps(state, "task_rejected"), { type: "task.rejected", error }];
}

/** The next step to undo, or the end when all have been; `null` while one is being undone. */
export function goOnEnding(state: TaskState, ending: Ending, world: World): readonly TaskEvent[] | null {
  if (state.compensations.at(-1)?.status === "running") return null;
  const next = nextToUndo(state);
  if (next !== null) return state.paused ? null : [undoing(state, next, world)];
  if (ending.status === "canceled")
    return [terminal({ status: "canceled", reason: ending.reason ?? undefined, actor: ending.actor ?? undefined })];
  const error = ending.error ?? { code: "internal", message: "The task ended without a reason", retryable: false };
  return [terminal({ status: ending.status, error })];
}

/** What a task of a step did is undone by another one, which is told how: the first may be gone by then. */
function undoing(state: TaskState, { step: index, child }: Undoable, world: World): TaskEvent {
  const step = stepAt(state, index).path;
  if (child === null) return { type: "compensation.started", step };
  const { branch } = child;
  return { type: "compensation.started", step, task: world.childTask(`${step}~undo`, branch), branch };
}

/** What undoing a step came to. A failure is told, and never hides what made the task end. */
export function compensationEnded(frame: Frame): TaskEvent {
  const step = frame.owner?.path ?? "";
  return frame.failure === null ? { type: "compensation.completed", step } : { type: "compensation.failed", step, error: frame.failure };
}

function terminal(outcome: Outcome): TaskEvent {
  switch (outcome.status) {
    case "failed":
      return { type: "task.failed", error: outcome.error };
    case "timed_out":
      return { type: "task.timed_out", error: outcome.error };
    case "canceled":
      return { type: "task.canceled", ...cancellation(outcome) };
  }
}

function cancellation({ reason, ...by }: Extract<Outcome, { readonly status: "canceled" }>) {
  return { ...(reason !== undefined && { reason }), ...causedBy(by) };
}
