/** What expressions see of the task. Values are read only when an expression does. */
import type { Json, JsonObject } from "../../shared/json.ts";
import { ok, type Result } from "../../shared/result.ts";
import type { Scope, StepReading } from "../../language/expressions/expression.ts";
import { outerOf, stepIn } from "./frame.ts";
import { type Frame, isKind, isSettled, type Step } from "./step-state.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { Read } from "../../language/reads.ts";
import type { TaskState } from "./state.ts";
import { taskVariable } from "./task-variable.ts";
import { readValue, type Values } from "../facts/value.ts";

/**
 * The scope of a step. It sees what had settled when it started, at every attempt alike: with `run_if: any_…` a need
 * that settles later goes on reading as pending.
 */
export function scopeOfStep(state: TaskState, step: Step, values: Values): Scope {
  return scopeIn(state, step.frame, step.node.reads, values, step.startedSeq ?? Number.POSITIVE_INFINITY);
}

/** The scope of what is evaluated inside a frame; `beforeSeq`: what settled later reads as pending. */
export function scopeIn(
  state: TaskState,
  frame: Frame,
  reads: readonly Read[],
  values: Values,
  beforeSeq = Number.POSITIVE_INFINITY,
): Scope {
  const steps: Record<string, StepReading> = {};
  for (const read of reads) {
    Object.defineProperty(steps, read.id, { get: () => readingOf(state, frame, read, beforeSeq, values), enumerable: true });
  }
  const scope: Scope = {
    steps,
    get input() {
      return outside(state, values)?.input ?? (state.created.spread === undefined ? readValue(state.input, values) : null);
    },
    get task() {
      return outside(state, values)?.task ?? taskVariable(state);
    },
  };
  for (let around: Frame | null = frame; around !== null; around = outerOf(around)) addVariables(state, scope, around, values);
  if (state.created.spread === undefined) return scope;
  for (const [name, value] of Object.entries(outside(state, values)?.variables ?? {})) define(scope, name, () => value);
  return scope;
}

/** With one more name. */
export function withName(scope: Scope, name: string, value: unknown): Scope {
  return Object.defineProperty(scope, name, { value, enumerable: true });
}

/** Those further in hide those further out. */
function addVariables(state: TaskState, scope: Scope, { owner, branch, isOver }: Frame, values: Values): void {
  if (owner === null || branch === null) return;
  if (isKind(owner, "map")) {
    define(scope, owner.node.as, () => itemAt(state, owner, branch, values));
    define(scope, owner.node.indexAs, () => branch);
  } else if (isKind(owner, "repeat")) {
    define(scope, "iteration", () => branch);
    const before = (isOver ? owner.branches?.previous : owner.branches?.output) ?? null;
    define(scope, "previous", () => (before === null ? null : readValue(before, values)));
  }
}

function define(scope: Scope, name: string, get: () => unknown): void {
  if (!Object.hasOwn(scope, name)) Object.defineProperty(scope, name, { get, enumerable: true });
}

const NOT_SETTLED: StepReading = { status: "pending", output: null, error: null };

function readingOf(state: TaskState, from: Frame, { id, depth, index }: Read, beforeSeq: number, values: Values): StepReading {
  let frame = from;
  for (let out = depth; out > 0; out--) {
    const around = outerOf(frame);
    if (around === null) return outsideReading(state, id, values);
    frame = around;
  }
  // The block that a part of a map is in is not here.
  if (state.created.spread !== undefined && frame.owner === null) return outsideReading(state, id, values);
  const { phase, settledSeq } = stepIn(state, frame, index);
  if (!isSettled(phase) || settledSeq === null || settledSeq >= beforeSeq) return NOT_SETTLED;
  return {
    status: phase.status,
    get output() {
      return phase.status === "completed" ? readValue(phase.output, values) : null;
    },
    error: phase.status === "failed" ? (phase.error as unknown as Json) : null,
  };
}

/** PERSISTED, as the input of a task that has a part of a map's items. */
export interface MapPart {
  readonly items: readonly Json[];
  readonly input?: Json;
  readonly task?: Json;
  readonly variables: JsonObject;
  readonly steps: { readonly [id: string]: StepReading };
}

function outside(state: TaskState, values: Values): MapPart | null {
  return state.created.spread === undefined ? null : (readValue(state.input, values) as unknown as MapPart);
}

function outsideReading(state: TaskState, id: string, values: Values): StepReading {
  const { steps = {} } = outside(state, values) ?? {};
  return (Object.hasOwn(steps, id) ? steps[id] : undefined) ?? NOT_SETTLED;
}

/** What a map runs over: a list, or something that is none, or why there is nothing. Always the same for a step. */
export function evaluateOver(state: TaskState, step: Step<NodeOf<"map">>, values: Values): Result<Json, string> {
  if (state.created.spread !== undefined && step.frame.owner === null) return ok(outside(state, values)?.items ?? []);
  return step.node.over.evaluate(() => scopeOfStep(state, step, values));
}

function itemAt(state: TaskState, step: Step<NodeOf<"map">>, branch: number, values: Values): Json {
  const first = step.frame.owner === null ? (state.created.spread?.first ?? 0) : 0;
  return itemsOf(state, step, values)[branch - first] ?? null;
}

/** The items of a map that has started, kept at hand while it is at work. */
export function itemsOf(state: TaskState, step: Step<NodeOf<"map">>, values: Values): readonly Json[] {
  const { branches } = step;
  if (branches !== null && branches.items !== null) return branches.items;
  const over = evaluateOver(state, step, values);
  const items = over.ok && Array.isArray(over.value) ? (over.value as readonly Json[]) : [];
  if (branches !== null && step.phase.status === "open") branches.items = items;
  return items;
}

/** What a task with some of a map's items needs to know of this one. */
export function partOf(state: TaskState, step: Step<NodeOf<"map">>, from: number, to: number, values: Values): MapPart {
  const { outside: wanted } = step.node;
  const reads = wanted?.reads ?? [];
  const scope = scopeIn(state, step.frame, reads, values, step.startedSeq ?? Number.POSITIVE_INFINITY);
  const names = [...(wanted?.names ?? [])];
  return {
    items: itemsOf(state, step, values).slice(from, to),
    ...(names.includes("input") && { input: scope.input }),
    task: scope.task,
    variables: Object.fromEntries(names.filter((name) => name !== "input" && name !== "task").map((name) => [name, scope[name] as Json])),
    steps: Object.fromEntries(reads.map(({ id }) => [id, plain(scope.steps[id] ?? NOT_SETTLED)])),
  };
}

const plain = ({ status, output, error }: StepReading): StepReading => ({ status, output, error });
