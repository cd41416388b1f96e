/** Calls that steps have still to make, as far as it is known: what a budget has left for anything else is the rest. */
import { kindOf } from "../../../language/kinds/table.ts";
import type { Block, StepNode } from "../../../language/graph.ts";
import { stepsOf } from "../../state/frame.ts";
import { unsettledSteps, type TaskState } from "../../state/state.ts";
import type { Frame, Step } from "../../state/step-state.ts";

/** One for each step that is sure to run if nothing fails, and that has not begun its call. */
export function promisedCalls(state: TaskState): number {
  const frames = new Set<Frame>();
  for (const { frame } of unsettledSteps(state)) if (!frame.isOver) frames.add(frame);
  let calls = 0;
  for (const frame of frames) {
    const steps = stepsOf(state, frame);
    const isCertain = certainty(frame.block, (index) => decidedOf(steps[index]));
    for (const step of steps) calls += callsOfStep(step, isCertain);
  }
  return calls;
}

function callsOfStep({ phase, node, branches }: Step, isCertain: (index: number) => boolean): number {
  switch (phase.status) {
    case "pending":
      return isCertain(node.index) ? callsOfNode(node) : 0;
    case "waiting":
    case "retrying":
      return callsOfWork(node);
    case "open": {
      const { count, chunk, opened } = branches ?? {};
      return count === undefined || count === null || chunk !== null ? 0 : (count - (opened ?? 0)) * callsOfInner(node);
    }
    default:
      return 0; // its calls are reserved, or it makes none any more
  }
}

/** Whether it runs, where that is known already; `null` while it is not. */
function decidedOf(step: Step | undefined): boolean | null {
  if (step === undefined || step.phase.status === "pending") return null;
  return !["failed", "skipped", "canceled"].includes(step.phase.status);
}

function callsOfNode(node: StepNode): number {
  if (callsOfWork(node) > 0) return callsOfWork(node);
  const { isLoop, list } = kindOf(node.kind);
  // Of a list nobody knows how long it will be, and of a choice which way it goes.
  return isLoop === true && list === undefined ? callsOfInner(node) : 0;
}

const callsOfWork = (node: StepNode): number =>
  kindOf(node.kind).takes !== "work" ? 0 : "ensemble" in node ? (node.ensemble?.agents ?? 1) : 1;

function callsOfInner({ blocks: [block] }: StepNode): number {
  if (block === undefined) return 0;
  const isCertain = certainty(block, () => null);
  return block.steps.reduce((sum, node) => sum + (isCertain(node.index) ? callsOfNode(node) : 0), 0);
}

function certainty(block: Block, decided: (index: number) => boolean | null): (index: number) => boolean {
  const known = new Map<number, boolean>();
  const ask = (index: number): boolean => {
    let answer = known.get(index);
    if (answer === undefined) known.set(index, (answer = decided(index) ?? isFree(block.steps[index], ask)));
    return answer;
  };
  return ask;
}

function isFree(node: StepNode | undefined, isCertain: (index: number) => boolean): boolean {
  if (node === undefined || node.when !== null) return false;
  switch (node.runIf) {
    case "all_completed":
      return node.needs.every(isCertain);
    case "all_settled":
    case "none_failed":
      return true;
    case "any_completed":
      return node.needs.some(isCertain);
    case "any_failed":
      return false;
  }
}
