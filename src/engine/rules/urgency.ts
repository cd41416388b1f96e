/** Whether the completion of a step moves the task on, or can wait a moment to share a commit with others. */
import { stepIn } from "../state/frame.ts";
import type { TaskState } from "../state/state.ts";

/** `pending` completions are waiting already; any of them may be what the others wait for. */
export function unlocksSomething(state: TaskState, path: string, pending: number): boolean {
  const step = state.stepByPath.get(path);
  if (step === undefined || step.frame.unsettled <= pending + 1) return true;
  return step.node.dependents.some((dependent) => {
    const { node, needs } = stepIn(state, step.frame, dependent);
    return needs.unsettled <= pending + 1 || node.runIf === "any_completed";
  });
}
