/** One run of a block: the workflow itself, a case, an item, an iteration, or what undoes a step. */
import type { Frame } from "./step-state.ts";
import type { Block, Graph } from "../../language/graph.ts";
import { emptyState, type TaskState } from "./state.ts";
import { newStep, type Step } from "./step-state.ts";
import type { TaskCreated } from "../facts/created.ts";

/** A state with the workflow's own steps in it. */
export function initialState(graph: Graph, created: TaskCreated, at: number): TaskState {
  const root = newFrame({ block: graph, owner: null, branch: null, base: 0, openedAt: at });
  const state = emptyState(graph, created, at, root);
  addSteps(state, root, "");
  return state;
}

/** Adds a frame and its steps; those that need nothing are on the agenda. */
export function openFrame(state: TaskState, owner: Step, block: Block, branch: number | null): Frame {
  const frame = newFrame({ block, owner, branch, base: state.steps.length, openedAt: state.at });
  addSteps(state, frame, branch === null ? `${owner.path}~` : `${owner.path}[${branch}]/`);
  if (frame.unsettled === 0) state.ended.push(frame); // a case may have an output alone
  return frame;
}

function newFrame(place: Pick<Frame, "block" | "owner" | "branch" | "base" | "openedAt">): Frame {
  return { ...place, unsettled: place.block.steps.length, failure: null, isOver: false };
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
