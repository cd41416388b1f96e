/** Whether the completion of a step moves the task on, or can wait a moment to share a commit with others. */
import { stepAt, type Graph } from "./graph.ts";
import { stepStateAt, type TaskState } from "./state.ts";

/** `pending` completions are waiting already; any of them may be what the others wait for. */
export function unlocksSomething(graph: Graph, state: TaskState, step: string, pending: number): boolean {
  const index = graph.indexById.get(step);
  if (index === undefined || state.unsettled <= pending + 1) return true;
  return stepAt(graph, index).dependents.some((dependent) => {
    const { runIf } = stepAt(graph, dependent);
    return stepStateAt(state, dependent).needs.unsettled <= pending + 1 || runIf === "any_completed";
  });
}
