/** The fold of what is inside steps: branches, and the tasks that some of them are. */
import type { CancelReason, EventOf } from "../facts/event.ts";
import { enter } from "./phase.ts";
import { openFrame } from "./frame.ts";
import { kindOf } from "../../language/kinds/table.ts";
import { blockOfBranch } from "../../language/graph.ts";
import { type TaskState } from "./state.ts";
import type { Branches, Step } from "./step-state.ts";
import { resident, type StoredValue } from "../facts/value.ts";

/** A step with steps inside it, or with tasks of its own, is open from its start. */
export function openBranches(state: TaskState, step: Step, { items, chunk }: EventOf<"step.started">): void {
  const { blocks, kind } = step.node;
  const { list, startsWorkflow } = kindOf(kind);
  if (blocks.length === 0 && startsWorkflow !== true) return;
  step.branches = {
    count: items ?? null,
    chunk: chunk ?? null,
    opened: 0,
    ended: 0,
    failed: 0,
    failedItems: 0,
    outputs: list === undefined ? null : [],
    output: null,
    previous: null,
    error: null,
    frames: new Map(),
    last: null,
    resumeAt: null,
    task: null,
    items: null,
  };
  enter(state, step, { status: "open" });
  state.proceeding.push(step.index);
}

type BranchEvent = EventOf<"branch.started" | "branch.completed" | "branch.failed" | "child.started" | "child.ended">;

export function applyBranch(state: TaskState, step: Step, event: BranchEvent): void {
  const branches = step.branches as Branches;
  switch (event.type) {
    case "branch.started":
      branches.opened++;
      branches.resumeAt = null;
      branches.frames.set(event.branch, openFrame(state, step, blockOfBranch(step.node, event.branch), event.branch));
      return;
    case "child.started":
      branches.opened++;
      if (step.node.blocks.length === 0) branches.task = event.task;
      state.childrenAt = state.at;
      state.children.set(event.task, {
        step: step.index,
        branch: event.branch,
        startedAt: state.at,
        after: event.after ?? null,
        ...(event.lent !== undefined && { lent: event.lent }),
      });
      return;
    case "branch.completed":
    case "branch.failed":
    case "child.ended": {
      if (event.type === "child.ended") endChild(state, step, branches, event);
      else endFrame(state, step, branches, event.branch);
      branches.ended++;
      const output = "output" in event && event.output !== undefined ? resident(event.output, state.seq) : null;
      if (branches.outputs !== null) branches.outputs[placeOf(state, step, event.branch)] = output;
      if (output !== null) {
        branches.previous = branches.output;
        branches.output = output;
      }
      if ("error" in event && event.error !== undefined) {
        // A task with some of the items says how the first of those failed that it has tolerated.
        if (output === null) branches.failed++;
        branches.error ??= event.error;
      }
      state.proceeding.push(step.index);
    }
  }
}

/** Where a branch's output goes among those of a map that has a part of the items. */
function placeOf(state: TaskState, step: Step, branch: number): number {
  return step.frame.owner === null ? branch - (state.created.spread?.first ?? 0) : branch;
}

function endFrame(state: TaskState, { index, node }: Step, branches: Branches, branch: number): void {
  const frame = branches.frames.get(branch);
  if (frame !== undefined) frame.isOver = true;
  branches.frames.delete(branch);
  if (node.kind !== "repeat") return;
  branches.last = frame ?? null;
  branches.resumeAt = state.at + node.delayMs;
  if (node.delayMs > 0) state.starts.push({ at: branches.resumeAt, type: "next", step: index });
}

/** What undoes the step itself stands for what its task says. */
export function undoChild(state: TaskState, { index, node }: Step, branch: number, undo: StoredValue | null): void {
  if (undo !== null && node.undo === null) state.undoable.push({ step: index, child: { branch, undo } });
}

function endChild(state: TaskState, step: Step, branches: Branches, event: EventOf<"child.ended">): void {
  state.children.delete(event.task);
  if (event.undo !== undefined) undoChild(state, step, event.branch, resident(event.undo, state.seq));
  branches.failedItems += event.failed_items ?? 0;
}

/** Tasks that nobody waits for any more. */
export function orphan(state: TaskState, event: EventOf<"step.completed" | "step.failed" | "step.canceled">): void {
  for (const child of event.children ?? []) {
    state.children.delete(child);
    state.orphans.set(child, reasonToCancel(event));
    state.orphansAt = state.at;
  }
}

/** What the tasks of a step that has settled are told. */
const reasonToCancel = (event: EventOf<"step.completed" | "step.failed" | "step.canceled">): CancelReason =>
  event.type === "step.canceled" ? event.reason : "block_ended";
