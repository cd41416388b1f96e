/**
 * What follows from where the task stands, to a fixpoint. It looks at states, not at what just happened, so a lost
 * wake-up costs time and never progress.
 *
 * A1. It touches what is due and what is on the agenda, never every step: an input costs what it changes.
 * A2. Each pass records facts or uses up a timer or an agenda entry, so the loop ends; the bound catches defects.
 */
import type { Json } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { assert, ok } from "../shared/result.ts";
import { failAttempt, loseAttempt } from "./attempt.ts";
import { lookForAgent, startHedge, startRound } from "./choose.ts";
import { leaveLine } from "./line.ts";
import type { Failure, TaskEvent } from "./event.ts";
import { stepAt, type Graph, type StepNode } from "./graph.ts";
import { decide } from "./run-if.ts";
import { scopeOfResult, scopeOfStep } from "./scope.ts";
import { cancelSteps, expressionError, failStep } from "./step.ts";
import { liveAttempt, stepStateAt, type TaskState } from "./state.ts";
import type { Timer } from "./timers.ts";
import { readValue, type StoredValue } from "./value.ts";
import { nextTimer } from "./wake.ts";
import type { World } from "./world.ts";

export function advance(graph: Graph, state: TaskState, world: World, record: (events: readonly TaskEvent[]) => void): void {
  const bound = 100 + 20 * graph.steps.length + state.clocks.size + state.starts.size + state.hedges.size;
  for (let passes = 0; state.end === null; passes++) {
    assert(passes <= bound, "the engine did not settle");
    const facts = nextFacts(graph, state, world);
    if (facts === null) return;
    record(facts);
  }
}

/** The facts of the most urgent thing to do, maybe none; `null` when there is nothing to do. */
function nextFacts(graph: Graph, state: TaskState, world: World): readonly TaskEvent[] | null {
  const clock = nextTimer(state, state.clocks);
  if (clock !== undefined && clock.at <= world.now) {
    state.clocks.pop();
    return clockFacts(graph, state, clock, world);
  }
  if (state.failure !== null && state.created.fail_fast && state.unsettled > 0) {
    return [...cancelSteps(graph, state, "fail_fast"), { type: "task.failed", error: taskFailure(state.failure) }];
  }
  if (state.unsettled === 0) return [finish(graph, state, world)];
  if (state.paused) return null;
  const start = nextTimer(state, state.starts);
  if (start !== undefined && start.at <= world.now) {
    state.starts.pop();
    return startFacts(graph, state, start, world);
  }
  const hedge = nextTimer(state, state.hedges);
  if (hedge !== undefined && hedge.at <= world.now) {
    state.hedges.pop();
    return startFacts(graph, state, hedge, world);
  }
  for (let next = state.agenda.peek(); next !== undefined; next = state.agenda.peek()) {
    state.agenda.take();
    if (stepStateAt(state, next).phase.status === "pending") return decideStep(graph, state, stepAt(graph, next), world);
  }
  return null;
}

function clockFacts(graph: Graph, state: TaskState, timer: Timer, world: World): readonly TaskEvent[] {
  if (timer.type === "deadline") {
    const error: Failure = { code: "deadline_exceeded", message: "The task's deadline passed before it ended", retryable: false };
    return [...cancelSteps(graph, state, "task_timed_out"), { type: "task.timed_out", error }];
  }
  if (timer.type !== "lease" && timer.type !== "line") return [];
  const node = stepAt(graph, timer.step);
  const attempt = liveAttempt(stepStateAt(state, timer.step), timer.attempt);
  if (attempt === undefined) return [];
  if (timer.type === "line") return leaveLine(graph, state, node, attempt, world);
  if (attempt.claim?.via === "queue") return loseAttempt(graph, state, node, attempt, world);
  const message = `Agent "${attempt.agent}" accepted the attempt and neither completed it nor sent a heartbeat in time`;
  return failAttempt(graph, state, node, attempt, { code: "timeout", message, retryable: true }, world);
}

function startFacts(graph: Graph, state: TaskState, timer: Timer, world: World): readonly TaskEvent[] {
  switch (timer.type) {
    case "retry":
      return startRound(graph, state, stepAt(graph, timer.step), world);
    case "look":
      return lookForAgent(graph, state, stepAt(graph, timer.step), world);
    case "hedge":
      return startHedge(graph, state, stepAt(graph, timer.step), timer.attempt, world);
    case "deadline":
    case "lease":
    case "line":
      return [];
  }
}

/** A pending step whose needs have decided. */
function decideStep(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (decide(node.runIf, step.needs) === "skip") return [{ type: "step.skipped", step: node.id, reason: "needs" }];
  if (node.when !== null) {
    const holds = node.when.evaluate(scopeOfStep(graph, state, node, world.values));
    if (!holds.ok) return failStep(graph, state, node, expressionError(node, "when", holds.error), world);
    if (holds.value === false) return [{ type: "step.skipped", step: node.id, reason: "when" }];
    if (holds.value !== true) {
      const message = `in "${node.when.source}": expected true or false, got ${JSON.stringify(holds.value).slice(0, 100)}`;
      return failStep(graph, state, node, expressionError(node, "when", message), world);
    }
  }
  return startRound(graph, state, node, world);
}

function finish(graph: Graph, state: TaskState, world: World): TaskEvent {
  if (state.failure !== null) return { type: "task.failed", error: taskFailure(state.failure) };
  const output = resultOf(graph, state, world);
  return "error" in output ? { type: "task.failed", error: output.error } : { type: "task.completed", output: output.stored };
}

function taskFailure(failure: Failure): Failure {
  return { ...failure, message: `Step "${failure.step_id}" failed: ${failure.message}`, retryable: false };
}

type Outcome = { readonly stored: StoredValue } | { readonly error: Failure };

function resultOf(graph: Graph, state: TaskState, world: World): Outcome {
  const passedOn = graph.output?.outputOf ?? null;
  if (passedOn !== null) {
    const { phase } = stepStateAt(state, graph.indexById.get(passedOn) as number);
    if (phase.status === "completed") return { stored: phase.output };
  }
  if (graph.output === null && sinkBytes(graph, state) > LIMITS.valueBytes) return { error: TOO_LARGE };
  const value =
    graph.output === null ? ok(sinkOutputs(graph, state, world)) : graph.output.evaluate(() => scopeOfResult(graph, state, world.values));
  if (!value.ok) return { error: { code: "expression_error", message: `output: ${value.error}`, retryable: false } };
  const stored = world.values.write(value.value);
  return stored === null ? { error: TOO_LARGE } : { stored };
}

const TOO_LARGE: Failure = {
  code: "result_too_large",
  message: "The result is larger than a value may be; give the workflow an output that keeps less",
  retryable: false,
};

/** What the outputs weigh together, known before any is read: all of them at once might not fit the memory. */
function sinkBytes(graph: Graph, state: TaskState): number {
  return graph.sinks.reduce((sum, index) => {
    const { phase } = stepStateAt(state, index);
    return sum + (phase.status === "completed" ? (phase.output.bytes ?? 0) : 0);
  }, 0);
}

function sinkOutputs(graph: Graph, state: TaskState, world: World): Json {
  const outputs = graph.sinks.flatMap((index): readonly (readonly [string, Json])[] => {
    const { phase } = stepStateAt(state, index);
    return phase.status === "completed" ? [[stepAt(graph, index).id, readValue(phase.output, world.values)]] : [];
  });
  return Object.fromEntries(outputs);
}
