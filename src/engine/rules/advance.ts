/**
 * What follows from where the task stands, to a fixpoint. It looks at states, not at what just happened, so a lost
 * wake-up costs time and never progress.
 *
 * A1. It touches what is due and what is on an agenda, never every step: an input costs what it changes.
 * A2. It rests when expressions have taken their turn: what is left to do is in the state, which says that it is due at once.
 * A3. Each pass records facts or uses up a timer or an agenda entry, so the loop ends; the bound catches defects.
 */
import { LIMITS } from "../limits.ts";
import { isTurnOver } from "../../language/expressions/budget.ts";
import { assert } from "../../shared/result.ts";
import { failAttempt, loseAttempt } from "./attempt.ts";
import { concludeFrame, finish } from "./block-result.ts";
import { lookForAgent, startHedge, startRound } from "./choose.ts";
import { endEarly, goOnEnding } from "./ending.ts";
import { leaveLine } from "./line.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import { proceedWith, startStep, stepIsDue } from "../kinds/table.ts";
import { decide } from "./run-if.ts";
import { goOnFirst, holdBack, isAspectTimer, timerIsDue } from "../aspects/table.ts";
import { carryOut } from "./ruling.ts";
import { scopeOfStep } from "../state/scope.ts";
import { cancelFrame, failStep } from "./step.ts";
import { stepAt, type TaskState } from "../state/state.ts";
import { isKind, liveAttempt, type AgentStep, type Step } from "../state/step-state.ts";
import type { Timer, TimerHeap } from "../state/timers.ts";
import { isUnfinished, nextTimer } from "./wake.ts";
import type { World } from "../world.ts";

type Facts = readonly TaskEvent[];

/** `mayRest`: whether what is left may wait for another turn, once expressions have taken this one. */
export function advance(state: TaskState, world: World, record: (events: Facts) => void, mayRest = (): boolean => true): void {
  const bound = 1_000 + 20 * LIMITS.stepsOfTask + state.clocks.size + state.starts.size + state.looks.size + state.hedges.size;
  for (let passes = 0; state.end === null; passes++) {
    assert(passes <= bound, "the engine did not settle");
    if (isTurnOver() && isUnfinished(state) && mayRest()) return;
    const facts = nextFacts(state, world);
    if (facts === null) return;
    record(facts);
  }
}

/** The facts of the most urgent thing to do, maybe none; `null` when there is nothing to do. */
function nextFacts(state: TaskState, world: World): Facts | null {
  const clock = nextTimer(state, state.clocks);
  if (clock !== undefined && clock.at <= world.now) {
    state.clocks.pop();
    return clockFacts(state, clock, world);
  }
  const frame = state.ended.take();
  if (frame !== undefined) {
    const isHopeless = state.created.fail_fast && frame.failure !== null && frame.unsettled > 0;
    return isHopeless ? cancelFrame(state, frame, "fail_fast") : concludeFrame(state, frame, world);
  }
  const open = state.proceeding.take();
  if (open !== undefined) {
    const step = stepAt(state, open);
    return step.phase.status === "open" ? proceedWith(state, step, world) : [];
  }
  if (state.ending !== null) {
    const ending = goOnEnding(state, state.ending, world);
    if (ending !== null) return ending;
  } else if (state.root.unsettled === 0) {
    return finish(state, world);
  }
  if (state.paused) return null;
  const held = holdBack(state, world.now);
  if (held === null) return nextStart(state, world);
  return held === "waits" ? null : carryOut(state, held, world);
}

/** What a pause holds back. */
function nextStart(state: TaskState, world: World): Facts | null {
  const due = dueIn(state, state.starts, world.now) ?? dueIn(state, state.hedges, world.now);
  if (due !== null) return startFacts(state, due, world);
  const more = goOnFirst(state, (step) => startStep(state, step, world));
  if (more !== null) return more;
  for (let next = state.agenda.take(); next !== undefined; next = state.agenda.take()) {
    const step = stepAt(state, next);
    if (step.phase.status === "pending") return decideStep(state, step, world);
  }
  const look = dueIn(state, state.looks, world.now);
  return look === null ? null : startFacts(state, look, world);
}

function dueIn(state: TaskState, heap: TimerHeap, now: number): Timer | null {
  const timer = nextTimer(state, heap);
  if (timer === undefined || timer.at > now) return null;
  heap.pop();
  return timer;
}

function clockFacts(state: TaskState, timer: Timer, world: World): Facts {
  if (timer.type === "deadline") {
    const error: Failure = { code: "deadline_exceeded", message: "The task's deadline passed before it ended", retryable: false };
    return endEarly(state, { status: "timed_out", error });
  }
  if (isAspectTimer(timer)) return carryOut(state, timerIsDue(state, timer), world);
  const step = stepAt(state, timer.step);
  if (timer.type === "due") return stepIsDue(state, step, world);
  if ((timer.type !== "lease" && timer.type !== "line") || !isKind(step, "agent")) return [];
  const attempt = liveAttempt(step, timer.attempt);
  if (attempt === undefined) return [];
  if (timer.type === "line") return leaveLine(state, step, attempt, world);
  if (attempt.claim?.via === "queue") return loseAttempt(state, step, attempt, world);
  const message = `Agent "${attempt.agent}" accepted the attempt and neither completed it nor sent a heartbeat in time`;
  return failAttempt(state, step, attempt, { code: "timeout", message, retryable: true }, world);
}

function startFacts(state: TaskState, timer: Timer, world: World): Facts {
  if (timer.type === "deadline" || isAspectTimer(timer)) return [];
  const step = stepAt(state, timer.step);
  switch (timer.type) {
    case "retry":
      return startRound(state, step as AgentStep, world);
    case "look":
      return lookForAgent(state, step as AgentStep, world);
    case "hedge":
      return startHedge(state, step as AgentStep, timer.attempt, world);
    case "next":
      return proceedWith(state, step, world);
    case "lease":
    case "line":
    case "due":
      return [];
  }
}

/** A pending step whose needs have decided. */
function decideStep(state: TaskState, step: Step, world: World): Facts {
  const { node, path } = step;
  if (decide(node.runIf, step.needs) === "skip") return [{ type: "step.skipped", step: path, reason: "needs" }];
  if (node.when !== null) {
    const holds = node.when.evaluate(scopeOfStep(state, step, world.values));
    if (!holds.ok) return failStep(state, step, expressionError(step, "when", holds.error), world);
    if (holds.value === false) return [{ type: "step.skipped", step: path, reason: "when" }];
    if (holds.value !== true) {
      const message = `in "${node.when.source}": expected true or false, got ${JSON.stringify(holds.value).slice(0, 100)}`;
      return failStep(state, step, expressionError(step, "when", message), world);
    }
  }
  return startStep(state, step, world);
}
