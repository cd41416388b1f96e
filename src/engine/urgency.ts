/** Whether the completion of a step moves the task on, or can wait a moment to share a commit with others. */
import { stepAt, type Graph } from "./graph.ts";
import { stepStateAt, type TaskState } from "./state.ts";

export function unlocksSomething(graph: Graph, state: TaskState, step: string): boolean {
  const index = graph.indexById.get(step);
  if (index === undefined || state.unsettled <= 1) return true;
  return stepAt(graph, index).dependents.some((dependent) => {
    const { runIf } = stepAt(graph, dependent);
    return stepStateAt(state, dependent).needs.unsettled <= 1 || runIf === "any_completed";
  });
}
