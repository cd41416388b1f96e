/** The fold of ends: of steps, of what is around them, and of the task. */
import type { Failure } from "../facts/failure.ts";
import { enter } from "./phase.ts";
import { stepIn } from "./frame.ts";
import { decide } from "../rules/run-if.ts";
import type { EndStatus } from "../facts/event.ts";
import type { TaskState } from "./state.ts";
import type { Phase, Step } from "./step-state.ts";
import { resident, type StoredValue } from "../facts/value.ts";

export function failFrame(state: TaskState, step: Step, error: Failure): void {
  const { frame } = step;
  frame.failure ??= { ...error, step_id: error.step_id ?? step.path };
  if (state.created.fail_fast) state.ended.push(frame);
}

export function settle(state: TaskState, step: Step, phase: Phase): void {
  const { frame } = step;
  enter(state, step, phase);
  step.settledAt = state.at;
  step.settledSeq = state.seq;
  if (step.branches !== null) step.branches.items = null;
  frame.unsettled--;
  if (frame.unsettled === 0) state.ended.push(frame);
  const isFailure = phase.status === "failed" || isBehindFailure(state, step, phase);
  for (const dependent of step.node.dependents) {
    const waiter = stepIn(state, frame, dependent);
    waiter.needs.unsettled--;
    if (phase.status === "completed") waiter.needs.completed++;
    else if (isFailure) waiter.needs.failed++;
    else waiter.needs.absent++;
    if (waiter.phase.status === "pending" && decide(waiter.node.runIf, waiter.needs) !== "undecided") state.agenda.push(waiter.index);
  }
}

/** It was skipped because something that it needs had failed: to those that need it that is a failure as well. */
function isBehindFailure({ graph }: TaskState, { needs }: Step, phase: Phase): boolean {
  return graph.rules > 0 && phase.status === "skipped" && phase.reason === "needs" && needs.failed > 0;
}

export function endTask(state: TaskState, status: EndStatus, output: StoredValue | null, error: Failure | null): void {
  state.end = { status, at: state.at, output: output === null ? null : resident(output, state.seq), error };
}
