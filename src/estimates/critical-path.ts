/** The way through a simulated run that took longest: from its end back, each step is on it that freed the next. */
import { stepIn } from "../engine/state/frame.ts";
import type { TaskState } from "../engine/state/state.ts";
import type { Frame, Step } from "../engine/state/step-state.ts";
import type { AssumedNode } from "./assumed-nodes.ts";
import type { SimulatedTask } from "./simulated-task.ts";

/** `visit`: the place of a step and what it adds to the duration by itself, without what is inside of it. */
export function walkBack(root: SimulatedTask, visit: (place: number, ms: number) => void): void {
  const spans = [wholeOf(root)];
  // A stack of its own: workflows start each other deeper than functions may call each other.
  for (let span = spans.pop(); span !== undefined; span = spans.pop()) {
    const { task, frame, openedAt } = span;
    const { state } = task;
    for (let step = lastIn(state, frame); step !== null;) {
      const before = freeing(state, step);
      let ms = (step.settledAt ?? openedAt) - (before?.settledAt ?? openedAt);
      for (const inner of wayInside(task, step)) {
        ms -= inner.endedAt - inner.openedAt;
        spans.push(inner);
      }
      if (step.phase.status !== "skipped") visit((step.node as AssumedNode).place, Math.max(0, ms));
      step = before;
    }
  }
}

/** Some of what a step had inside: a branch, or a task. */
interface Span {
  readonly task: SimulatedTask;
  readonly frame: Frame;
  readonly openedAt: number;
  readonly endedAt: number;
}

function wholeOf(task: SimulatedTask): Span {
  const { root, createdAt, end, at } = task.state;
  return { task, frame: root, openedAt: createdAt, endedAt: end?.at ?? at };
}

/** What settled last. What was called off settled with what called it off. */
function lastIn(state: TaskState, frame: Frame): Step | null {
  let last: Step | null = null;
  for (let index = 0; index < frame.block.steps.length; index++) last = later(last, stepIn(state, frame, index));
  return last;
}

/** The last that it had to wait for. */
function freeing(state: TaskState, { node, frame, startedSeq, settledSeq }: Step): Step | null {
  const before = startedSeq ?? settledSeq ?? Number.POSITIVE_INFINITY;
  let last: Step | null = null;
  for (const need of node.needs) {
    const step = stepIn(state, frame, need);
    if ((step.settledSeq ?? Number.POSITIVE_INFINITY) < before) last = later(last, step);
  }
  return last;
}

function later(one: Step | null, other: Step): Step | null {
  if (other.settledSeq === null || other.phase.status === "canceled") return one;
  return one === null || other.settledSeq > (one.settledSeq ?? 0) ? other : one;
}

/** From the branch that ended last back, each is on the way whose end made room for the next. */
function* wayInside(task: SimulatedTask, step: Step): Iterable<Span> {
  if (step.branches === null) return;
  const spans = [...framesOf(task, step), ...task.children.filter(({ parent }) => parent?.step === step).map(wholeOf)];
  const backwards = spans.filter(({ endedAt }) => endedAt <= (step.settledAt ?? endedAt)).toSorted((a, b) => b.endedAt - a.endedAt);
  let until = Number.POSITIVE_INFINITY;
  for (const span of backwards) {
    if (span.endedAt > until) continue;
    yield span;
    until = span.openedAt;
    if (until <= (step.startedAt ?? until)) return;
  }
}

const framesByState = new WeakMap<TaskState, ReadonlyMap<Step, readonly Frame[]>>();

function framesOf(task: SimulatedTask, step: Step): readonly Span[] {
  const { state } = task;
  let frames = framesByState.get(state);
  if (frames === undefined) framesByState.set(state, (frames = allFrames(state)));
  return (frames.get(step) ?? []).map((frame) => {
    const last = lastIn(state, frame);
    return { task, frame, openedAt: frame.openedAt, endedAt: last?.settledAt ?? frame.openedAt };
  });
}

function allFrames(state: TaskState): ReadonlyMap<Step, readonly Frame[]> {
  const frames = new Map<Step, Frame[]>();
  let before: Frame | null = null;
  for (const { frame } of state.steps) {
    if (frame === before || frame.owner === null || frame.branch === null) continue;
    before = frame;
    const others = frames.get(frame.owner);
    if (others === undefined) frames.set(frame.owner, [frame]);
    else others.push(frame);
  }
  return frames;
}
