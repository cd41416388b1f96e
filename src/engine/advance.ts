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
import { attemptKey, failAttempt, loseAttempt } from "./attempt.ts";
import type { Failure, TaskEvent } from "./event.ts";
import { stepAt, type Graph, type StepNode } from "./graph.ts";
import { decide } from "./run-if.ts";
import { scopeOfResult, scopeOfStep } from "./scope.ts";
import { cancelSteps, expressionError, failStep } from "./step.ts";
import { liveAttempt, stepStateAt, type StepState, type TaskState } from "./state.ts";
import type { Timer } from "./timers.ts";
import { readValue, type StoredValue } from "./value.ts";
import { nextLookAt, nextTimer, scheduleLook } from "./wake.ts";
import { chooseWay } from "./way.ts";
import type { World } from "./world.ts";

export function advance(graph: Graph, state: TaskState, world: World, record: (events: readonly TaskEvent[]) => void): void {
  const bound = 100 + 10 * graph.steps.length + state.clocks.size + state.starts.size;
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
  if (timer.type !== "lease") return [];
  const node = stepAt(graph, timer.step);
  const attempt = liveAttempt(stepStateAt(state, timer.step), timer.attempt);
  if (attempt === undefined) return [];
  if (attempt.claim?.via === "queue") return loseAttempt(graph, state, node, attempt, world);
  const message = `Agent "${attempt.agent}" accepted the attempt and neither completed it nor sent a heartbeat in time`;
  return failAttempt(graph, state, node, attempt, { code: "timeout", message, retryable: true }, world);
}

function startFacts(graph: Graph, state: TaskState, timer: Timer, world: World): readonly TaskEvent[] {
  if (timer.type !== "retry" && timer.type !== "look") return [];
  const node = stepAt(graph, timer.step);
  return timer.type === "retry" ? startAttempt(graph, state, node, world) : lookForAgent(graph, state, node, world);
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
  return startAttempt(graph, state, node, world);
}

/** The next attempt at a step, or its wait for an agent. The input is evaluated to find its errors before any dispatch. */
function startAttempt(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  const isFirst = step.startedSeq === null;
  if (isFirst) {
    const input = node.input.evaluate(() => scopeOfStep(graph, state, node, world.values));
    if (!input.ok) return failStep(graph, state, node, expressionError(node, "input", input.error), world);
  }
  const choice = world.agents?.choose(node.target, attemptKey(state, node, step.attempts + 1)) ?? null;
  if (choice === null) {
    const { type: _, ...target } = node.target;
    return [{ type: "step.waiting", step: node.id, waiting_on: { type: "agent", ...target } }];
  }
  const facts: TaskEvent[] = [];
  if (state.startedAt === null) facts.push({ type: "task.started" });
  if (isFirst) facts.push({ type: "step.started", step: node.id });
  facts.push({
    type: "attempt.started",
    step: node.id,
    attempt: step.attempts + 1,
    agent: choice.agent,
    way: chooseWay(choice, state, world),
  });
  return facts;
}

/** A step that waits for an agent looks again; the agents it sees were fetched for this. */
function lookForAgent(graph: Graph, state: TaskState, node: StepNode, world: World): readonly TaskEvent[] {
  const step = stepStateAt(state, node.index);
  if (step.phase.status !== "waiting") return [];
  if (world.agents?.choose(node.target, attemptKey(state, node, step.attempts + 1))) return startAttempt(graph, state, node, world);
  const until = step.phase.since + state.created.queue_ttl_ms;
  const isKnownMissing = world.agents !== null && state.created.on_no_agent === "fail";
  if (world.now < until && !isKnownMissing) {
    scheduleLook(state, node.index, nextLookAt(step.phase.since, world.now, until));
    return [];
  }
  return giveUpOnAgent(graph, state, node, step, world);
}

function giveUpOnAgent(graph: Graph, state: TaskState, node: StepNode, step: StepState, world: World): readonly TaskEvent[] {
  const wanted = node.target.type === "agent" ? `agent "${node.target.agent}"` : `agent with capability "${node.target.capability}"`;
  const error: Failure = { code: "no_agent", message: `Step "${node.id}" found no healthy ${wanted}`, retryable: false };
  const anyStarted = state.startedAt !== null || step.startedSeq !== null;
  if (anyStarted || state.created.on_no_agent === "fail") return failStep(graph, state, node, error, world);
  return [...cancelSteps(graph, state, "task_rejected"), { type: "task.rejected", error: { ...error, step_id: node.id } }];
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
