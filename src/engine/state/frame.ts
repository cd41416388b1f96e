/** One run of a block: the workflow itself, a case, an item, an iteration, or what undoes a step. */
import type { Failure } from "../facts/event.ts";
import type { Block } from "../../language/graph.ts";
import { emptyState, type TaskState } from "./state.ts";
import { newStep, type Step } from "./step-state.ts";
import type { Graph } from "../../language/graph.ts";
import type { TaskCreated } from "../facts/created.ts";

export interface Frame {
  readonly block: Block;
  /** The step that this is inside of; `null` for the workflow itself. */
  readonly owner: Step | null;
  /** Which item, iteration or case; what undoes a step is none. */
  readonly branch: number | null;
  /** The place of its first step among all steps. */
  readonly base: number;
  unsettled: number;
  /** The first failure that makes it fail. */
  failure: Failure | null;
  /** What came of it is recorded. */
  isOver: boolean;
}

/** A state with the workflow's own steps in it. */
export function initialState(graph: Graph, created: TaskCreated, at: number): TaskState {
  const root: Frame = { block: graph, owner: null, branch: null, base: 0, unsettled: graph.steps.length, failure: null, isOver: false };
  const state = emptyState(graph, created, at, root);
  addSteps(state, root, "");
  return state;
}

/** Adds a frame and its steps; those that need nothing are on the agenda. */
export function openFrame(state: TaskState, owner: Step, block: Block, branch: number | null): Frame {
  const frame: Frame = { block, owner, branch, base: state.steps.length, unsettled: block.steps.length, failure: null, isOver: false };
  addSteps(state, frame, branch === null ? `${owner.path}~` : `${owner.path}[${branch}]/`);
  if (frame.unsettled === 0) state.ended.push(frame); // a case may have an output alone
  return frame;
}

function addSteps(state: TaskState, frame: Frame, prefix: string): void {
  for (const node of frame.block.steps) {
    const step = newStep(state.steps.length, prefix === "" ? node.id : prefix + node.id, node, frame);
    state.steps.push(step);
    state.stepByPath.set(step.path, step);
    if (node.needs.length === 0) state.agenda.push(step.index);
  }
}

/** The steps of a frame, without those inside them. */
export function stepsOf(state: TaskState, frame: Frame): readonly Step[] {
  return state.steps.slice(frame.base, frame.base + frame.block.steps.length);
}

/** A step of a frame by its place in the block. */
export function stepIn(state: TaskState, frame: Frame, index: number): Step {
  const step = state.steps[frame.base + index];
  if (step === undefined) throw new Error(`Defect: no step ${index} in a frame at ${frame.base}`);
  return step;
}

/** The frame around this one. */
export const outerOf = (frame: Frame): Frame | null => frame.owner?.frame ?? null;
