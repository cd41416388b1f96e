/** The fold of undoing. */
import type { EventOf } from "../facts/event.ts";
import { openFrame } from "./frame.ts";
import { stepAt, type TaskState } from "./state.ts";
import type { Step } from "./step-state.ts";

type CompensationEvent = EventOf<"compensation.started" | "compensation.completed" | "compensation.failed">;

export function applyCompensation(state: TaskState, step: Step, event: CompensationEvent): void {
  switch (event.type) {
    case "compensation.started":
      if (step.node.undo === null) return;
      state.compensations.push({ step: step.path, status: "running", error: null, frame: openFrame(state, step, step.node.undo, null) });
      return;
    case "compensation.completed":
    case "compensation.failed": {
      const compensation = state.compensations.at(-1);
      if (compensation === undefined) return;
      compensation.frame.isOver = true;
      compensation.status = event.type === "compensation.completed" ? "completed" : "failed";
      compensation.error = event.type === "compensation.failed" ? event.error : null;
    }
  }
}

/** The step that is to be undone next: the last completed one first. */
export function nextToUndo(state: TaskState): Step | null {
  const index = state.undoable[state.undoable.length - 1 - state.compensations.length];
  return index === undefined ? null : stepAt(state, index);
}
