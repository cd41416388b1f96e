/** What a task that shares another one's past is given of it, read from a state folded up to where the two part. */
import type { Json } from "../../shared/json.ts";
import { kindOf } from "../../language/kinds/table.ts";
import type { TaskEvent } from "../facts/event.ts";
import { stepIn } from "../state/frame.ts";
import { itemsAround, itemsOfChild } from "./kept.ts";
import type { TaskInput } from "../facts/input.ts";
import type { Past, PastChild, PastSignal, PastStep } from "../facts/past.ts";
import type { TaskState } from "../state/state.ts";
import type { Frame, Step } from "../state/step-state.ts";
import type { StoredValue, Values } from "../facts/value.ts";

/** What the new task is told before it does anything. */
export function inputsOfPast({ steps, children, signals }: Past): readonly TaskInput[] {
  return [{ type: "keep", steps, children }, ...signals.map((signal): TaskInput => ({ ...signal, type: "signal" }))];
}

/**
 * `again`: steps that are done again, with all that depends on them. `events` are all up to where the two part. `read` gives `undefined` for what is kept no longer:
 * that is done again as well.
 */
export function pastOf(
  state: TaskState,
  events: Iterable<TaskEvent>,
  again: readonly Step[],
  values: Values,
  read: (stored: StoredValue) => Json | undefined,
): Past {
  const redone = redoneWith(state, again);
  const undone = new Set(state.compensations.map(({ step }) => step));
  const steps = state.steps.flatMap((step): readonly PastStep[] => {
    const { phase, path, node, frame } = step;
    // What only computes is computed again.
    if (phase.status !== "completed" || kindOf(node.kind).takes === undefined || redone.has(step) || undone.has(path) || isUndoing(frame))
      return [];
    // An output in the place of what failed is not what the step was to bring.
    if (phase.degraded !== null && phase.degraded !== step.degraded) return [];
    const output = read(phase.output);
    if (output === undefined) return [];
    return [{ path, kind: node.kind, output, of: itemsAround(state, frame, values), ...undoOf(state, step, 0, read) }];
  });
  const record = [...events];
  return { steps, children: childrenIn(state, record, redone, values, read), signals: signalsIn(state, record, read) };
}

function signalsIn(state: TaskState, record: readonly TaskEvent[], read: (stored: StoredValue) => Json | undefined): readonly PastSignal[] {
  const seqs = [...state.signals.values()].flatMap((kept) => kept.map(({ seq }) => seq)).toSorted((a, b) => a - b);
  return seqs.flatMap((seq): readonly PastSignal[] => {
    const event = record[seq - 1];
    const payload = event?.type === "signal.received" ? read(event.payload) : undefined;
    if (event?.type !== "signal.received" || payload === undefined) return [];
    const { name, key, fingerprint } = event;
    return [{ name, payload, key, ...(fingerprint !== undefined && { fingerprint }) }];
  });
}

/** The last of what is known of each branch that is a task of its own. */
function childrenIn(
  state: TaskState,
  events: readonly TaskEvent[],
  redone: ReadonlySet<Step>,
  values: Values,
  read: (stored: StoredValue) => Json | undefined,
): readonly PastChild[] {
  const children = new Map<string, PastChild>();
  for (const event of events) {
    if (event.type !== "child.started" && event.type !== "child.ended") continue;
    const step = state.stepByPath.get(event.step);
    // A step that is kept needs none of its tasks.
    const isUndone = state.compensations.some(({ step: path, branch }) => path === event.step && branch === event.branch);
    if (step === undefined || isUndone || redone.has(step) || (step.node.blocks.length === 0 && step.phase.status === "completed"))
      continue;
    const key = `${event.step}/${event.branch}`;
    if (event.type === "child.started") {
      const of = itemsOfChild(state, step, event.branch, event.items, values);
      children.set(key, { step: event.step, branch: event.branch, task: event.task, output: null, failedItems: 0, of });
      continue;
    }
    const started = children.get(key);
    const value = event.output === undefined ? undefined : read(event.output);
    // A part of a map in which items failed goes on with those.
    if (started !== undefined && value !== undefined && event.failed_items === undefined) {
      children.set(key, { ...started, output: { value }, ...undoOf(state, step, event.branch, read) });
    }
  }
  return [...children.values()];
}

/** How what the task of a branch did is undone, as long as that is kept. */
function undoOf(
  state: TaskState,
  { index }: Step,
  branch: number,
  read: (stored: StoredValue) => Json | undefined,
): { readonly undo?: Json } {
  const found = state.undoable.find(({ step, child }) => step === index && child?.branch === branch)?.child;
  const undo = found === undefined || found === null ? undefined : read(found.undo);
  return undo === undefined ? {} : { undo };
}

/** The steps, whatever depends on them in their blocks and around, and what is inside all these. */
function redoneWith(state: TaskState, again: readonly Step[]): ReadonlySet<Step> {
  const redone = new Set<Step>(again);
  for (const first of again) {
    for (let step: Step | null = first; step !== null; step = step.frame.owner) {
      addDependents(state, step, redone);
      addLaterIterations(state, step, redone);
    }
  }
  if (redone.size === 0) return redone;
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
