/** What a kind of step is to the engine: how it begins, and how it goes on. */
import { LIMITS } from "../limits.ts";
import type { Failure } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { StepNode } from "../../language/graph.ts";
import type { TaskState } from "../state/state.ts";
import type { Step } from "../state/step-state.ts";
import type { World } from "../world.ts";

type Facts = readonly TaskEvent[];

export interface Kind<N extends StepNode> {
  /** Its needs and its condition let it run. Not asked while the task is paused. */
  readonly start: (state: TaskState, step: Step<N>, world: World) => Facts;
  /** It waited until now. */
  readonly due?: (state: TaskState, step: Step<N>, world: World) => Facts;
  /** It is open: what follows from where its branches stand. Asked again whenever one ends; starts none while paused. */
  readonly proceed?: (state: TaskState, step: Step<N>, world: World) => Facts;
}

/** Whether the task may have the steps of another frame: all of them stay in memory, so that anybody can read them. */
export function mayOpen(state: TaskState, { blocks: [block] }: StepNode, frames = 1): boolean {
  return state.steps.length + frames * (block?.steps.length ?? 0) <= LIMITS.stepsOfTask;
}

export function tooManySteps(): Failure {
  const message = `The task would have more than ${LIMITS.stepsOfTask} steps, those of items and iterations included; move a part to a workflow of its own`;
  return { code: "limit_reached", message, retryable: false };
}
