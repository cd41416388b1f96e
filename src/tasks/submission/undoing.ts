/**
 * How what a completed task did is undone when the one that started it fails later: by a task of its own, which needs nothing
 * of the first. What the first had read is evaluated when it ends, and is kept by the one that started it.
 */
import { scopeIn } from "../../engine/state/scope.ts";
import { stepAt, type Undoable } from "../../engine/state/state.ts";
import type { Frame, Step } from "../../engine/state/step-state.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import type { Values } from "../../engine/facts/value.ts";
import { compileWorkflow } from "../../language/compile.ts";
import { kindOf } from "../../language/kinds/table.ts";
import { LIMITS as LANGUAGE_LIMITS } from "../../language/limits.ts";
import { isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import { jsonToBytes } from "../../shared/json-bytes.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import { createdIn, type Loaded } from "../journal/load.ts";
import { LIMITS } from "../limits.ts";
import type { Submission } from "./submission.ts";

/** PERSISTED, as a value in `child.ended`: what was done, in its order; or why that cannot be undone. */
interface Undoing {
  readonly steps?: readonly UndoneStep[];
  readonly unknown?: string;
}

/** `work`: its `compensate`, without the input; no input where that could not be made. */
interface UndoneStep {
  readonly path: string;
  readonly work: JsonObject;
  readonly input?: Json;
}

/** `null` where there is nothing to undo. */
export function undoingOf({ state }: Loaded, source: JournalSource): Json | null {
  if (state.end?.status !== "completed" || state.undoable.length === 0 || state.graph.rules === 0) return null;
  const created = createdIn(source);
  const read = valuesOf(source);
  const definition = "value" in created.definition ? created.definition.value : source.value(created.definition);
  const steps: UndoneStep[] = [];
  let bytes = 0;
  const add = (step: UndoneStep): void => {
    steps.push(step);
    bytes += jsonToBytes(step as unknown as Json).byteLength;
  };
  for (const undoable of state.undoable) {
    const step = stepAt(state, undoable.step);
    try {
      const problem = undoable.child === null ? undoneStep(step, definition, add) : undoneChild(step, undoable.child, read, add);
      if (problem !== null) return { unknown: problem };
    } catch (error) {
      if (error instanceof Gone) return { unknown: `what step "${step.path}" came to is no longer kept` };
      throw error;
    }
    if (bytes > LIMITS.valueBytes) return { unknown: `what is needed for it is more than ${LIMITS.valueBytes} bytes` };
    if (steps.length > LANGUAGE_LIMITS.steps) return { unknown: `it would take more than ${LANGUAGE_LIMITS.steps} steps` };
  }
  return { steps } as unknown as Json;

  function undoneStep(step: Step, written: Json | undefined, found: (step: UndoneStep) => void): string | null {
    const compensate = written === undefined ? undefined : writtenStep(written, step)?.["compensate"];
    const [undo] = step.node.undo?.steps ?? [];
    if (step.node.undo === null || undo === undefined || !isJsonObject(compensate)) return `step "${step.path}" does not say how`;
    const { input: _, select, ...work } = compensate;
    const { sticky: __, ...selection } = isJsonObject(select) ? select : {};
    const frame: Frame = {
      block: step.node.undo,
      owner: step,
      branch: null,
      base: 0,
      openedAt: state.at,
      unsettled: 1,
      failure: null,
      isOver: false,
    };
    const input = "input" in undo ? undo.input.evaluate(() => scopeIn(state, frame, undo.reads, read)) : ok(null);
    found({
      path: step.path,
      work: { ...work, ...(Object.keys(selection).length > 0 && { select: selection }) },
      ...(input.ok && { input: input.value }),
    });
    return null;
  }
}

/** What was done further in, in the place of the step that had it done. */
function undoneChild(
  step: Step,
  { undo }: NonNullable<Undoable["child"]>,
  values: Values,
  found: (step: UndoneStep) => void,
): string | null {
  const { steps, unknown } = ("value" in undo ? undo.value : values.read(undo)) as unknown as Undoing;
  for (const inside of steps ?? []) found({ ...inside, path: `${step.path}/${inside.path}` });
  return steps === undefined ? (unknown ?? "that is not known") : null;
}

/** As it stands in the definition. */
function writtenStep(definition: Json, { node, frame }: Step): JsonObject | undefined {
  const { owner, branch } = frame;
  let holder: Json | undefined = definition;
  if (owner !== null) {
    const outer = writtenStep(definition, owner);
    const { blocks, isLoop } = kindOf(owner.node.kind);
    holder = outer === undefined ? undefined : blocks?.(outer)[isLoop === true ? 0 : (branch ?? 0)]?.holder;
  }
  const steps = isJsonObject(holder) ? holder["steps"] : undefined;
  const found = Array.isArray(steps) ? (steps as readonly Json[]).find((step) => isJsonObject(step) && step["id"] === node.id) : undefined;
  return isJsonObject(found) ? found : undefined;
}

class Gone extends Error {}

function valuesOf(source: JournalSource): Values {
  const read: Values["read"] = (recorded) => {
    const value = source.value(recorded);
    if (value === undefined) throw new Gone();
    return value;
  };
  return { read, stage: () => undefined, write: () => null };
}

/** What was done last is undone first, one after the other, whatever becomes of each. */
export function workThatUndoes(undoing: Json): Result<Pick<Submission, "definition" | "input">, Failure> {
  const { steps, unknown } = (undoing ?? {}) as Undoing;
  if (steps === undefined) {
    const message = `What the task did cannot be undone: ${unknown ?? "how is not kept"}`;
    return err({ code: "undo_unknown", message, retryable: false });
  }
  const order = steps.map((step, index) => ({ ...step, id: `undo-${index}` })).toReversed();
  const inputs = Object.fromEntries(order.flatMap(({ id, input }) => (input === undefined ? [] : [[id, input]])));
  const definition = {
    steps: order.map(({ id, path, work }, index) => ({
      id,
      description: path.slice(0, 200),
      ...work,
      input: `\${ input["${id}"] }`,
      ...(index > 0 && { needs: [order[index - 1]?.id ?? ""], run_if: "all_settled" }),
    })),
  };
  const text = JSON.stringify(definition);
  // A journal from elsewhere may say anything.
  if (!compileWorkflow(text).ok)
    return err({ code: "undo_unknown", message: "What the task did cannot be undone: how is not valid", retryable: false });
  return ok({ definition: text, input: inputs });
}
