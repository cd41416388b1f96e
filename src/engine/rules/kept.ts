/**
 * A task that shares the past of another does not repeat what had completed there: where a step is about to start, what is
 * kept of it stands in for its work. So conditions are asked, lists are made and blocks are opened as in any task, and only
 * what was kept is not done again.
 */
import type { Admission } from "../facts/input.ts";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { ok } from "../../shared/result.ts";
import type { AspectsOfChild } from "../aspects/shapes.ts";
import type { InputOf } from "../facts/input.ts";
import type { EventOf, TaskEvent } from "../facts/event.ts";
import { outerOf } from "../state/frame.ts";
import { type Frame, isKind, type Step } from "../state/step-state.ts";
import { itemsOf } from "../state/scope.ts";
import type { TaskState } from "../state/state.ts";
import { resident, type Values } from "../facts/value.ts";
import type { World } from "../world.ts";

const childKey = (step: string, branch: number): string => `${step}/${branch}`;

/** Only what comes before anything else has happened is past. */
export function admitKeep(state: TaskState, { steps, children }: InputOf<"keep">, values: Values): Admission {
  if (state.steps.some(({ phase }) => phase.status !== "pending")) return ok([]);
  const facts: TaskEvent[] = [];
  const written = (undo: Json | undefined) => {
    const stored = undo === undefined ? null : values.write(undo);
    return stored !== null && { undo: stored };
  };
  for (const { path, kind, output, of, undo } of steps) {
    const stored = values.write(output);
    if (stored !== null) facts.push({ type: "step.kept", step: path, kind, output: stored, ...(of !== null && { of }), ...written(undo) });
  }
  for (const { step, branch, task, output, failedItems, of, undo } of children) {
    const stored = output === null ? null : values.write(output.value);
    facts.push({
      type: "child.kept",
      step,
      branch,
      task,
      ...(stored !== null && { output: stored }),
      ...(failedItems > 0 && { failed_items: failedItems }),
      ...(of !== null && { of }),
      ...written(undo),
    });
  }
  return ok(facts);
}

export function keep(state: TaskState, event: EventOf<"step.kept" | "child.kept">): void {
  const of = event.of ?? null;
  const undo = event.undo === undefined ? null : resident(event.undo, state.seq);
  if (event.type === "step.kept") {
    state.kept.set(event.step, { kind: event.kind, output: resident(event.output, state.seq), of, undo });
    return;
  }
  const output = event.output === undefined ? null : resident(event.output, state.seq);
  const { step, branch, task, failed_items: failedItems = 0 } = event;
  state.keptChildren.set(childKey(step, branch), { task, output, failedItems, of, undo });
}

/** Facts in the place of the step's work; `null` where it has to be done. */
export function keptOutcome(state: TaskState, step: Step, values: Values): readonly TaskEvent[] | null {
  const kept = state.kept.get(step.path);
  if (kept === undefined || kept.kind !== step.node.kind || kept.of !== itemsAround(state, step.frame, values)) return null;
  return [{ type: "step.completed", step: step.path, output: kept.output, kept: true }];
}

/** A branch of the step as a task of its own: one that has completed already, one that goes on where another failed, or a new one. */
export function startChild(
  state: TaskState,
  step: Step,
  branch: number,
  world: World,
  items?: number,
  members: AspectsOfChild = {},
): readonly TaskEvent[] {
  const kept = state.keptChildren.get(childKey(step.path, branch));
  const of = { step: step.path, branch };
  const some = { ...(items !== undefined && { items }) };
  if (kept === undefined || kept.of !== itemsOfChild(state, step, branch, items, world.values)) {
    return [{ ...of, type: "child.started", task: world.childTask(step.path, branch), ...some, ...members }];
  }
  if (kept.output === null) {
    return [{ ...of, type: "child.started", task: world.childTask(step.path, branch), ...some, ...members, after: kept.task }];
  }
  const { task, output, failedItems, undo } = kept;
  return [
    { ...of, type: "child.started", task, ...some },
    {
      ...of,
      type: "child.ended",
      task,
      status: "completed",
      output,
      ...(failedItems > 0 && { failed_items: failedItems }),
      ...(undo !== null && { undo }),
    },
  ];
}

/** The items that a frame is about, from the outermost map in: only if they are the same is it about the same. */
export function itemsAround(state: TaskState, frame: Frame, values: Values): string | null {
  const items: Json[] = [];
  for (let around: Frame | null = frame; around !== null; around = outerOf(around)) {
    const { owner, branch } = around;
    if (owner === null || branch === null || !isKind(owner, "map")) continue;
    const first = owner.frame.owner === null ? (state.created.spread?.first ?? 0) : 0;
    items.unshift(itemsOf(state, owner, values)[branch - first] ?? null);
  }
  return items.length === 0 ? null : nameOf(items);
}

/** … and those that a task has a part of. */
export function itemsOfChild(state: TaskState, step: Step, branch: number, items: number | undefined, values: Values): string | null {
  const around = itemsAround(state, step.frame, values);
  if (items === undefined || !isKind(step, "map")) return around;
  const first = branch * (step.branches?.chunk ?? LIMITS.mapChunk);
  return nameOf([around, ...itemsOf(state, step, values).slice(first, first + items)]);
}

function nameOf(items: readonly Json[]): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(items)))).slice(0, 32);
}
