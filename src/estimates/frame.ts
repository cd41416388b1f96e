/**
 * Blocks under way in a simulated run, as the engine has them: steps wait for what they need, run, and settle once; a block
 * is over when all of its steps are. Each step remembers what freed it, so that the way that took longest can be found.
 */
import type { NeedCounts } from "../engine/rules/run-if.ts";
import type { Answer, Surrounding } from "./known.ts";
import type { PlanBlock, PlanStep } from "./plan.ts";
import type { AgentWork } from "./agent-work.ts";
import type { TaskRun } from "./task-run.ts";

export interface Frame {
  readonly block: PlanBlock;
  readonly task: TaskRun;
  /** The step that it is a branch of; `null` for the workflow itself. */
  readonly owner: Instance | null;
  readonly surrounding: Surrounding;
  readonly branch: number;
  readonly steps: Instance[];
  readonly openedAt: number;
  /** The branch whose end made room for it. */
  readonly after: Frame | null;
  unsettled: number;
  hasFailed: boolean;
  /** Nobody waits for it any more. */
  isOver: boolean;
  endedAt: number;
  /** The step that settled last. */
  last: Instance | null;
}

export type InstanceStatus = "pending" | "running" | "completed" | "failed" | "skipped" | "canceled";

/** One run of a step. The counts are those of its needs. */
export interface Instance extends NeedCounts {
  readonly step: PlanStep;
  readonly frame: Frame;
  status: InstanceStatus;
  /** It has what it was to have if it failed. */
  isFallback: boolean;
  freedAt: number;
  freedBy: Instance | null;
  endedAt: number;
  /** What it came to, once somebody has asked. */
  output: Answer | null;
  branches: Branches | null;
  work: AgentWork | null;
}

/** The branches of a step: items, iterations, a case, or a task of its own. */
export interface Branches {
  /** How many there are to be. */
  count: number;
  opened: number;
  ended: number;
  failed: number;
  underWay: number;
  /** The one that ended last, or the only one. */
  last: Frame | null;
  readonly items: Answer | null;
  /** Of a map, what each task has of it. */
  readonly parts: Map<TaskRun, Part> | null;
}

/** Items that one task has. */
export interface Part {
  readonly first: number;
  readonly count: number;
  readonly atOnce: number;
  /** What follows when all of them have ended. */
  readonly next: () => void;
  opened: number;
  ended: number;
}

export function newFrame(
  block: PlanBlock,
  task: TaskRun,
  place: Pick<Frame, "owner" | "surrounding" | "branch" | "after">,
  now: number,
): Frame {
  const frame: Frame = {
    ...place,
    block,
    task,
    steps: [],
    openedAt: now,
    unsettled: block.steps.length,
    hasFailed: false,
    isOver: false,
    endedAt: now,
    last: null,
  };
  for (const step of block.steps) frame.steps.push(newInstance(step, frame, now));
  return frame;
}

function newInstance(step: PlanStep, frame: Frame, now: number): Instance {
  return {
    step,
    frame,
    status: "pending",
    isFallback: false,
    unsettled: step.needs,
    completed: 0,
    failed: 0,
    absent: 0,
    freedAt: now,
    freedBy: null,
    endedAt: now,
    output: null,
    branches: null,
    work: null,
  };
}

/** Whether anybody still waits for what a step comes to: the block may have ended early, or the step that it is inside of. */
export function isWanted(instance: Instance): boolean {
  for (let { frame } = instance; ; frame = frame.owner.frame) {
    if (frame.isOver) return false;
    if (frame.owner === null) return true;
    if (frame.owner.status !== "running") return false;
  }
}

/** The block that stands around one; `null` at the outermost block of a workflow. */
export function outerOf({ owner }: Frame): Frame | null {
  return owner === null || owner.step.kind === "workflow" ? null : owner.frame;
}
