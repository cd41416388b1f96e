/** What follows when a step fails for good or is not wanted any more. */
import type { CancelReason, Failure, TaskEvent } from "./event.ts";
import { stepAt, type Graph, type StepNode } from "./graph.ts";
import { scopeOfStep } from "./scope.ts";
import { isSettled, type TaskState } from "./state.ts";
import type { World } from "./world.ts";

/** Facts when a step fails for good. */
export function failStep(graph: Graph, state: TaskState, node: StepNode, error: Failure, world: World): readonly TaskEvent[] {
  if (node.onError.type !== "output") return [{ type: "step.failed", step: node.id, error }];
  const output = node.onError.output.evaluate(() => scopeOfStep(graph, state, node, world.values));
  if (!output.ok) return [{ type: "step.failed", step: node.id, error: expressionError(node, "on_error", output.error) }];
  return [{ type: "step.completed", step: node.id, output: world.values.write(output.value) ?? { value: null }, degraded: error }];
}

export function expressionError(node: StepNode, field: string, message: string): Failure {
  return { code: "expression_error", message: `Step "${node.id}", ${field}: ${message}`, retryable: false };
}

/** Who had an attempt, as events say it. */
export interface ReleasedAttempt {
  readonly agent: string;
  readonly capability?: string;
  readonly slot?: true;
  readonly hedge?: true;
  readonly in_line?: true;
}

/** Facts that end every step that has not settled. */
export function cancelSteps(graph: Graph, state: TaskState, reason: CancelReason): readonly TaskEvent[] {
  return state.steps.flatMap((step, index): readonly TaskEvent[] => {
    if (isSettled(step.phase)) return [];
    const live = step.phase.status === "running" ? step.phase.live : [];
    const inLine = live.filter((attempt) => attempt.way === null).map((attempt) => attempt.number);
    const slots = live.filter((attempt) => attempt.slot).map((attempt) => attempt.number);
    return [
      {
        type: "step.canceled",
        step: stepAt(graph, index).id,
        reason,
        ...(live.length > 0 && { attempts: live.map((attempt) => attempt.number), agents: live.map((attempt) => attempt.agent) }),
        ...(slots.length > 0 && { slots }),
        ...(inLine.length > 0 && { in_line: inLine }),
      },
    ];
  });
}
