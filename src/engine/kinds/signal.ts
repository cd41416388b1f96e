/**
 * A step that waits for something from outside. Signals are kept in the order they came; each is taken by the first step
 * that it matches, once, and whether it matches is asked once of every step.
 */
import { causedBy } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { assert, err, ok } from "../../shared/result.ts";
import { durationText } from "../../shared/time.ts";
import type { Failure } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { Admission, InputOf } from "../facts/input.ts";
import type { NodeOf } from "../../language/graph.ts";
import { LIMITS } from "../limits.ts";
import { scopeOfStep, withName } from "../state/scope.ts";
import { roomFor } from "../rules/recorded.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import { statusOf, stepAt, type TaskState } from "../state/state.ts";
import { isKind, type Step } from "../state/step-state.ts";
import { readValue, resident, TASK_TOO_LARGE, type StoredValue } from "../facts/value.ts";
import type { World } from "../world.ts";
import type { Kind } from "./kind.ts";

export const signal: Kind<NodeOf<"signal">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const { name, timeoutMs } = step.node;
    for (const { seq, payload } of state.signals.get(name) ?? []) {
      if (matches(state, step, readValue(payload, world.values), world)) return [...started, taken(step, payload, seq)];
    }
    const until = timeoutMs === null ? undefined : world.now + timeoutMs;
    return [
      ...started,
      { type: "step.waiting", step: step.path, waiting_on: { type: "signal", name, ...(until !== undefined && { until }) } },
    ];
  },
  due: (state, step, world) => [{ type: "timer.fired", step: step.path }, ...failStep(state, step, timedOut(step.node), world)],
};

/** What a signal establishes. What came once under its key is there, whatever has become of it. */
export function admitSignal(state: TaskState, input: InputOf<"signal">, world: World): Admission {
  const { name, key } = input;
  if (state.signalKeys.has(key)) return isSame(state.signalKeys.get(key), input.fingerprint) ? ok([]) : err(keyInUse(state));
  if (!canReceive(state, name)) {
    const known = [...new Set(state.graph.steps.flatMap(({ listens }) => [...listens]))];
    const hint = known.length === 0 ? "no step of this task waits for signals" : `its steps wait for ${known.join(", ")}`;
    const message = `No step of this task can receive the signal "${name}" any more, or ever could; ${hint}`;
    const facts = { task_status: statusOf(state) };
    return err(rejection("signal_unexpected", state.end === null ? message : "The task has ended", { facts }));
  }
  if (state.keptSignals >= LIMITS.keptSignals) {
    return err(rejection("limit_reached", `A task keeps at most ${LIMITS.keptSignals} signals that no step has taken`));
  }
  if (roomFor(state) < 0) return err(rejection("limit_reached", TASK_TOO_LARGE.message));
  return ok(receive(state, input, world));
}

/** Of what came without a caller's key, or was recorded by the first release, nothing is known. */
const isSame = (known: string | undefined, said: string | undefined): boolean =>
  known === undefined || said === undefined || known === said;

function keyInUse({ created }: TaskState): Rejection {
  return rejection("idempotency_conflict", "The idempotency key was used for a different signal; use a new key", {
    facts: { task_id: created.task },
  });
}

/** It is kept, or taken at once by a step that waits for it. */
function receive(state: TaskState, input: InputOf<"signal">, world: World): readonly TaskEvent[] {
  const { name, payload: value, key, fingerprint } = input;
  const payload = world.values.write(value);
  assert(payload !== null, "a signal is smaller than a value may be");
  const said = { name, payload, key, ...(fingerprint !== undefined && { fingerprint }) };
  const received: TaskEvent = { type: "signal.received", ...said, ...causedBy(input) };
  for (const index of state.listening.get(name) ?? []) {
    const step = stepAt(state, index);
    if (isKind(step, "signal") && matches(state, step, value, world)) {
      return [received, taken(step, resident(payload, state.seq + 1), state.seq + 1)];
    }
  }
  return [received];
}

/** Whether any step may still wait for it. */
function canReceive(state: TaskState, name: string): boolean {
  return state.end === null && state.ending === null && [...pendingListeners(state, name)].length > 0;
}

function* pendingListeners(state: TaskState, name: string): Iterable<Step> {
  for (let index = 0; index < state.graph.steps.length; index++) {
    const step = stepAt(state, index);
    if (step.settledSeq === null && step.node.listens.has(name)) yield step;
  }
}

/** A payload that the condition cannot be asked of is not what the step waits for. */
function matches(state: TaskState, step: Step<NodeOf<"signal">>, payload: Json, world: World): boolean {
  const { match } = step.node;
  if (match === null) return true;
  const answer = match.evaluate(withName(scopeOfStep(state, step, world.values), "signal", payload));
  return answer.ok && answer.value === true;
}

function taken(step: Step, payload: StoredValue, seq: number): TaskEvent {
  return { type: "step.completed", step: step.path, output: payload, signal: seq };
}

function timedOut({ name, timeoutMs }: NodeOf<"signal">): Failure {
  return { code: "signal_timeout", message: `The signal "${name}" did not come within ${durationText(timeoutMs ?? 0)}`, retryable: false };
}
