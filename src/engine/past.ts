/** What a task that shares another one's past is given of it, read from a state folded up to where the two part. */
import type { Json } from "../shared/json.ts";
import type { StepKind } from "./definition.ts";
import type { TaskEvent } from "./event.ts";
import type { Frame } from "./frame.ts";
import { stepIn } from "./frame.ts";
import { itemsAround, itemsOfChild } from "./kept.ts";
import type { TaskState } from "./state.ts";
import type { Step } from "./step-state.ts";
import type { StoredValue, Values } from "./value.ts";

/** PERSISTED on the way to the new task: a step that had completed. */
export interface PastStep {
  readonly path: string;
  readonly kind: StepKind;
  readonly output: Json;
  /** The items it was about, where it is inside a map. */
  readonly of: string | null;
}

/** PERSISTED on the way to the new task: a task that a step had started; `output` where it had completed. */
export interface PastChild {
  readonly step: string;
  readonly branch: number;
  readonly task: string;
  readonly output: { readonly value: Json } | null;
  readonly failedItems: number;
  readonly of: string | null;
}

export interface Past {
  readonly steps: readonly PastStep[];
  readonly children: readonly PastChild[];
}

/** Steps that are asked for their work or for their time; what only computes is computed again. */
const KEPT: readonly StepKind[] = ["agent", "workflow", "wait", "signal", "approval"];

/**
 * `again`: the step that is done again, with all that depends on it. `read` gives `undefined` for what is kept no longer:
 * that is done again as well.
 */
export function pastOf(
  state: TaskState,
  events: Iterable<TaskEvent>,
  again: Step | null,
  values: Values,
  read: (stored: StoredValue) => Json | undefined,
): Past {
  const redone = again === null ? NONE : redoneWith(state, again);
  const undone = new Set(state.compensations.map(({ step }) => step));
  const steps = state.steps.flatMap((step): readonly PastStep[] => {
    const { phase, path, node, frame } = step;
    if (phase.status !== "completed" || !KEPT.includes(node.kind) || redone.has(step) || undone.has(path) || isUndoing(frame)) return [];
    // An output in the place of what failed is not what the step was to bring.
    if (phase.degraded !== null && phase.degraded !== step.degraded) return [];
    const output = read(phase.output);
    return output === undefined ? [] : [{ path, kind: node.kind, output, of: itemsAround(state, frame, values) }];
  });
  return { steps, children: childrenIn(state, events, redone, values, read) };
}

/** The last of what is known of each branch that is a task of its own. */
function childrenIn(
  state: TaskState,
  events: Iterable<TaskEvent>,
  redone: ReadonlySet<Step>,
  values: Values,
  read: (stored: StoredValue) => Json | undefined,
): readonly PastChild[] {
  const children = new Map<string, PastChild>();
  for (const event of events) {
    if (event.type !== "child.started" && event.type !== "child.ended") continue;
    const step = state.stepByPath.get(event.step);
    // A step that is kept needs none of its tasks.
    if (step === undefined || redone.has(step) || (step.node.kind === "workflow" && step.phase.status === "completed")) continue;
    const key = `${event.step}/${event.branch}`;
    if (event.type === "child.started") {
      const of = itemsOfChild(state, step, event.branch, event.items, values);
      children.set(key, { step: event.step, branch: event.branch, task: event.task, output: null, failedItems: 0, of });
      continue;
    }
    const started = children.get(key);
    const value = event.output === undefined ? undefined : read(event.output);
    if (started !== undefined && value !== undefined) {
      children.set(key, { ...started, output: { value }, failedItems: event.failed_items ?? 0 });
    }
  }
  return [...children.values()];
}

const NONE: ReadonlySet<Step> = new Set();

/** The step, whatever depends on it in its block and around, and what is inside all these. */
function redoneWith(state: TaskState, again: Step): ReadonlySet<Step> {
  const redone = new Set<Step>();
  for (let step: Step | null = again; step !== null; step = step.frame.owner) {
    const isItself = step === again;
    if (isItself) redone.add(step);
    addDependents(state, step, redone);
    addLaterIterations(state, step, redone);
  }
  // What is inside comes after what it is inside of.
  for (const step of state.steps) if (step.frame.owner !== null && redone.has(step.frame.owner)) redone.add(step);
  return redone;
}

function addDependents(state: TaskState, step: Step, redone: Set<Step>): void {
  for (const index of step.node.dependents) {
    const dependent = stepIn(state, step.frame, index);
    if (redone.has(dependent)) continue;
    redone.add(dependent);
    addDependents(state, dependent, redone);
  }
}

/** An iteration follows from the one before. */
function addLaterIterations(state: TaskState, { frame }: Step, redone: Set<Step>): void {
  const { owner, branch } = frame;
  if (owner?.node.kind !== "repeat" || branch === null) return;
  for (const step of state.steps) {
    const { frame: other } = step;
    if (other.owner === owner && other.branch !== null && other.branch > branch) redone.add(step);
  }
}

const isUndoing = (frame: Frame | null): boolean =>
  frame !== null && frame.owner !== null && (frame.branch === null || isUndoing(frame.owner.frame));
