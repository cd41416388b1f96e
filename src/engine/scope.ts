/** What the expressions of a step, or of the result, see of the task. Values are read only when an expression does. */
import type { Json } from "../shared/json.ts";
import type { Scope, StepReading } from "./expression.ts";
import { stepAt, type Graph, type StepNode } from "./graph.ts";
import { isSettled, stepStateAt, taskVariable, type TaskState } from "./state.ts";
import { readValue, type Values } from "./value.ts";

/**
 * The scope of a step. It sees what had settled when it started, at every attempt alike: with `run_if: any_…` a need
 * that settles later goes on reading as pending.
 */
export function scopeOfStep(graph: Graph, state: TaskState, node: StepNode, values: Values): Scope {
  return scope(graph, state, node.reads, stepStateAt(state, node.index).startedSeq ?? Number.POSITIVE_INFINITY, values);
}

/** The scope of the workflow's `output`. */
export function scopeOfResult(graph: Graph, state: TaskState, values: Values): Scope {
  return scope(graph, state, graph.outputReads, Number.POSITIVE_INFINITY, values);
}

function scope(graph: Graph, state: TaskState, reads: readonly number[], beforeSeq: number, values: Values): Scope {
  const steps: Record<string, StepReading> = {};
  for (const index of reads) {
    Object.defineProperty(steps, stepAt(graph, index).id, { value: reading(state, index, beforeSeq, values), enumerable: true });
  }
  return {
    steps,
    get input() {
      return readValue(state.input, values);
    },
    get task() {
      return taskVariable(state);
    },
  };
}

const NOT_SETTLED: StepReading = { status: "pending", output: null, error: null };

function reading(state: TaskState, index: number, beforeSeq: number, values: Values): StepReading {
  const { phase, settledSeq } = stepStateAt(state, index);
  if (!isSettled(phase) || settledSeq === null || settledSeq >= beforeSeq) return NOT_SETTLED;
  return {
    status: phase.status,
    get output() {
      return phase.status === "completed" ? readValue(phase.output, values) : null;
    },
    error: phase.status === "failed" ? (phase.error as unknown as Json) : null,
  };
}
