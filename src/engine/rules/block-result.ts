/** What a block comes to when all of its steps have settled: the task's result, a branch's, or how undoing went. */
import type { Json } from "../../shared/json.ts";
import { violationsOf } from "../../shared/json-schema.ts";
import { LIMITS } from "../limits.ts";
import { ok } from "../../shared/result.ts";
import { compensationEnded, endFacts } from "./ending.ts";
import type { Failure } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import { stepIn } from "../state/frame.ts";
import type { Frame } from "../state/step-state.ts";
import { scopeIn } from "../state/scope.ts";
import { isCutShort } from "../aspects/table.ts";
import type { TaskState } from "../state/state.ts";
import { readValue, VALUE_TOO_LARGE, type StoredValue } from "../facts/value.ts";
import type { World } from "../world.ts";
import { recorded } from "./recorded.ts";

/** Facts when the steps of a frame have settled; none where nobody waits for it any more. */
export function concludeFrame(state: TaskState, frame: Frame, world: World): readonly TaskEvent[] {
  const { owner, branch } = frame;
  if (owner === null || frame.isOver || frame.unsettled > 0) return [];
  if (branch === null) return [compensationEnded(frame)];
  if (owner.phase.status !== "open") return [];
  if (frame.failure !== null) return [{ type: "branch.failed", step: owner.path, branch, error: named(state, frame, frame.failure) }];
  const outcome = outcomeOf(state, frame, world);
  if ("error" in outcome) {
    if (isCutShort(state)) return [{ type: "branch.completed", step: owner.path, branch, output: NULL }];
    return [{ type: "branch.failed", step: owner.path, branch, error: outcome.error }];
  }
  return [{ type: "branch.completed", step: owner.path, branch, output: outcome.stored }];
}

/** Facts when all steps of the task have settled. */
export function finish(state: TaskState, world: World): readonly TaskEvent[] {
  const { failure } = state.root;
  if (failure !== null) return endFacts(state, { status: "failed", error: named(state, state.root, failure) });
  const outcome = outcomeOf(state, state.root, world);
  // What is marked as a part is not held against the schema of the whole.
  if (isCutShort(state)) return [{ type: "task.completed", output: "error" in outcome ? NULL : outcome.stored, partial: true }];
  const error = "error" in outcome ? outcome.error : violation(state, outcome.stored, world);
  if (error !== null) return endFacts(state, { status: "failed", error });
  return [{ type: "task.completed", output: (outcome as { readonly stored: StoredValue }).stored }];
}

/** A failure as those further out see it: it says at which step it began. */
function named(state: TaskState, frame: Frame, failure: Failure): Failure {
  const { step_id = "", message } = failure;
  const isFromInside = state.stepByPath.get(step_id)?.frame !== frame;
  return { ...failure, message: isFromInside ? message : `Step "${step_id}" failed: ${message}`, retryable: false };
}

function violation(state: TaskState, stored: StoredValue, world: World): Failure | null {
  const { outputSchema } = state.graph;
  if (outputSchema === null) return null;
  const violations = violationsOf(outputSchema, readValue(stored, world.values));
  if (violations.length === 0) return null;
  const places = violations.slice(0, 5).map(({ pointer, message }) => `/output${pointer}: ${message}`);
  return { code: "output_invalid", message: `The result violates the workflow's output_schema: ${places.join("; ")}`, retryable: false };
}

const NULL: StoredValue = { value: null };

type Outcome = { readonly stored: StoredValue } | { readonly error: Failure };

function outcomeOf(state: TaskState, frame: Frame, world: World): Outcome {
  const { block } = frame;
  const passedOn = block.output?.outputOf ?? null;
  const index = passedOn === null ? undefined : block.indexById.get(passedOn);
  if (index !== undefined) {
    const { phase } = stepIn(state, frame, index);
    if (phase.status === "completed") return { stored: phase.output };
  }
  if (block.output === null && sinkBytes(state, frame) > LIMITS.valueBytes) return { error: VALUE_TOO_LARGE };
  const value =
    block.output === null
      ? ok(sinkOutputs(state, frame, world))
      : block.output.evaluate(() => scopeIn(state, frame, block.outputReads, world.values));
  if (!value.ok) return { error: { code: "expression_error", message: `output: ${value.error}`, retryable: false } };
  const stored = recorded(state, value.value, world);
  return stored.ok ? { stored: stored.value } : { error: stored.error };
}

/** What the outputs weigh together, known before any is read: all of them at once might not fit the memory. */
function sinkBytes(state: TaskState, frame: Frame): number {
  return frame.block.sinks.reduce((sum, index) => {
    const { phase } = stepIn(state, frame, index);
    return sum + (phase.status === "completed" ? (phase.output.bytes ?? 0) : 0);
  }, 0);
}

function sinkOutputs(state: TaskState, frame: Frame, world: World): Json {
  const outputs = frame.block.sinks.flatMap((index): readonly (readonly [string, Json])[] => {
    const { phase, node } = stepIn(state, frame, index);
    return phase.status === "completed" ? [[node.id, readValue(phase.output, world.values)]] : [];
  });
  return Object.fromEntries(outputs);
}
