/** The fold of undoing. */
import type { EventOf } from "../facts/event.ts";
import { openFrame } from "./frame.ts";
import type { TaskState, Undoable } from "./state.ts";
import type { Step } from "./step-state.ts";

type CompensationEvent = EventOf<"compensation.started" | "compensation.completed" | "compensation.failed">;

export function applyCompensation(state: TaskState, step: Step, event: CompensationEvent): void {
  switch (event.type) {
    case "compensation.started":
      return start(state, step, event);
    case "compensation.completed":
    case "compensation.failed": {
      const compensation = state.compensations.at(-1);
      if (compensation === undefined) return;
      if (compensation.frame !== null) compensation.frame.isOver = true;
      if (event.task !== undefined) state.children.delete(event.task);
      compensation.status = event.type === "compensation.completed" ? "completed" : "failed";
      compensation.error = event.type === "compensation.failed" ? event.error : null;
    }
  }
}

function start(state: TaskState, step: Step, { task, branch = 0 }: EventOf<"compensation.started">): void {
  const of = { step: step.path, status: "running", error: null } as const;
  if (task === undefined) {
    if (step.node.undo === null) return;
    state.compensations.push({ ...of, frame: openFrame(state, step, step.node.undo, null), task: null, branch: null });
    return;
  }
  const undoes = nextToUndo(state)?.child?.undo ?? { value: null };
  state.compensations.push({ ...of, frame: null, task, branch });
  state.childrenAt = state.at;
  state.children.set(task, { step: step.index, branch, startedAt: state.at, after: null, undoes });
}

/** What is to be undone next: what was done last first. */
export function nextToUndo(state: TaskState): Undoable | null {
  return state.undoable[state.undoable.length - 1 - state.compensations.length] ?? null;
}
