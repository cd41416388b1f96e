/** The fold of what is inside steps: branches and the tasks some of them are, signals, approvals, and undoing. */
import type { CancelReason, EventOf } from "../facts/event.ts";
import { enter } from "./phase.ts";
import { openFrame } from "./frame.ts";
import { LIMITS } from "../limits.ts";
import { kindOf } from "../../language/kinds/table.ts";
import { blockOfBranch } from "../../language/graph.ts";
import { approvalNumbered, stepAt, type TaskState } from "./state.ts";
import type { Approval, Branches, Step } from "./step-state.ts";
import { resident } from "../facts/value.ts";

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
      if (event.type === "child.ended") endChild(state, branches, event);
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

function endChild(state: TaskState, branches: Branches, event: EventOf<"child.ended">): void {
  state.children.delete(event.task);
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

export function keepSignal(state: TaskState, { name, payload, key }: EventOf<"signal.received">): void {
  const kept = state.signals.get(name);
  const signal = { seq: state.seq, payload: resident(payload, state.seq) };
  if (kept === undefined) state.signals.set(name, [signal]);
  else kept.push(signal);
  state.keptSignals++;
  state.signalKeys.add(key);
  // The oldest have been repeated by now, or will not be.
  const [oldest] = state.signalKeys;
  if (state.signalKeys.size > LIMITS.keptSignals && oldest !== undefined) state.signalKeys.delete(oldest);
}

export function takeSignal(state: TaskState, { node }: Step, seq: number): void {
  for (const name of node.listens) {
    const kept = state.signals.get(name) ?? [];
    const at = kept.findIndex((signal) => signal.seq === seq);
    if (at === -1) continue;
    kept.splice(at, 1);
    state.keptSignals--;
    if (kept.length === 0) state.signals.delete(name);
  }
}

type ApprovalEvent = EventOf<"approval.requested" | "approval.decided" | "approval.escalated" | "approval.expired">;

export function applyApproval(state: TaskState, step: Step, event: ApprovalEvent): void {
  switch (event.type) {
    case "approval.requested":
      state.approvals.push(step.index);
      return ask(state, step, {
        number: event.approval,
        title: event.title,
        payload: resident(event.payload, state.seq),
        hash: event.hash,
        assignees: event.assignees,
        quorum: event.quorum,
        isEditable: event.editable === true,
        requestedAt: state.at,
        dueAt: event.due_at ?? null,
        hasEscalated: false,
        outcome: null,
        decisions: [],
      });
    case "approval.decided": {
      const approval = approvalNumbered(state, event.approval);
      if (approval === null) return;
      const { by, actor = null, decision, comment = null, hash, payload } = event;
      approval.decisions.push({ by, actor, decision, comment, asked: approval.hash, hash, at: state.at });
      if (payload === undefined) return;
      approval.payload = resident(payload, state.seq);
      approval.hash = hash;
      return;
    }
    case "approval.escalated":
      if (step.approval === null) return;
      step.approval.assignees = event.assignees;
      step.approval.hasEscalated = true;
      step.approval.dueAt = event.due_at;
      return;
    case "approval.expired":
      if (step.approval !== null) step.approval.outcome = event.outcome;
  }
}

/** In the name of a step that does not ask people an aspect does. */
function ask(state: TaskState, step: Step, approval: Approval): void {
  if (kindOf(step.node.kind).takes === "people") step.approval = approval;
  else state.asks.set(approval.number, approval);
}

type CompensationEvent = EventOf<"compensation.started" | "compensation.completed" | "compensation.failed">;

export function applyCompensation(state: TaskState, step: Step, event: CompensationEvent): void {
  switch (event.type) {
    case "compensation.started":
      if (step.node.undo === null) return;
      state.compensations.push({ step: step.path, status: "running", error: null, frame: openFrame(state, step, step.node.undo, null) });
      return;
    case "compensation.completed":
    case "compensation.failed": {
      const compensation = state.compensations.at(-1);
      if (compensation === undefined) return;
      compensation.frame.isOver = true;
      compensation.status = event.type === "compensation.completed" ? "completed" : "failed";
      compensation.error = event.type === "compensation.failed" ? event.error : null;
    }
  }
}

/** The step that is to be undone next: the last completed one first. */
export function nextToUndo(state: TaskState): Step | null {
  const index = state.undoable[state.undoable.length - 1 - state.compensations.length];
  return index === undefined ? null : stepAt(state, index);
}
