/**
 * A step that does the same for every item of a list that is known only now. Up to `LIMITS.mapInline` items are branches
 * of this task; beyond that they are spread over tasks of their own, a chunk of items each, so that a list of thousands
 * has the places, the memory and the journal of many objects.
 */
import { childMembers, keepsItems } from "../aspects/table.ts";
import type { AspectsOfChild } from "../aspects/shapes.ts";
import { carryOut } from "../rules/ruling.ts";
import { LIMITS } from "../limits.ts";
import type { Json } from "../../shared/json.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { NodeOf } from "../../language/graph.ts";
import { err } from "../../shared/result.ts";
import { recorded } from "../rules/recorded.ts";
import { startChild } from "../rules/kept.ts";
import { evaluateOver } from "../state/scope.ts";
import { childrenOf, failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import type { TaskState } from "../state/state.ts";
import type { Branches, Step } from "../state/step-state.ts";
import { readValue, VALUE_TOO_LARGE, type StoredValue } from "../facts/value.ts";
import type { World } from "../world.ts";
import { mayOpen, tooManySteps, type Kind } from "./kind.ts";

export const map: Kind<NodeOf<"map">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const over = evaluateOver(state, step, world.values);
    if (!over.ok) return [...started, ...failStep(state, step, expressionError(step, "over", over.error), world)];
    if (!Array.isArray(over.value)) return [...started, ...failStep(state, step, noList(step, over.value), world)];
    const items = over.value.length;
    if (items > LIMITS.mapItems) return [...started, ...failStep(state, step, tooMany(step, items), world)];
    const isSpread = !keepsItems(state) && items > LIMITS.mapInline && step.node.outside !== null && state.created.spread === undefined;
    return startedFacts(state, step, { items, ...(isSpread && { chunk: LIMITS.mapChunk }) });
  },
  proceed: (state, step, world) => {
    const { branches } = step;
    if (branches === null) return [];
    const count = branches.count ?? 0;
    const failed = branches.chunk === null ? branches.failed : branches.failedItems;
    // A task with some of the items that failed as a whole has had too many failures already.
    const isTooMany = failed > tolerated(state, step, count) || (branches.chunk !== null && branches.failed > 0);
    const all = branches.chunk === null ? count : Math.ceil(count / branches.chunk);
    if (isTooMany && (branches.ended === all || cancelsOthers(state, step))) {
      return failStep(state, step, itemsFailed(failed, count, branches.error), world);
    }
    if (branches.ended === all) return complete(state, step, branches, world);
    if (state.paused || branches.opened === all) return [];
    return branches.chunk === null
      ? openItems(state, step, branches, count, world)
      : startChildren(state, step, branches, count, branches.chunk, world);
  },
};

function openItems(state: TaskState, step: Step<NodeOf<"map">>, branches: Branches, count: number, world: World): readonly TaskEvent[] {
  const { node } = step;
  const isPart = isPartOfMap(state, step);
  const atOnce = isPart ? (state.created.spread?.concurrency ?? count) : (node.concurrency ?? LIMITS.mapConcurrency);
  const room = Math.min(count - branches.opened, atOnce - branches.frames.size);
  if (room <= 0) return [];
  if (!mayOpen(state, node, room)) return failStep(state, step, tooManySteps(), world);
  const first = (isPart ? (state.created.spread?.first ?? 0) : 0) + branches.opened;
  return Array.from({ length: room }, (_, index) => ({ type: "branch.started", step: step.path, branch: first + index }));
}

/** So many tasks at once that together they have as many items under way as the step allows. */
function startChildren(
  state: TaskState,
  step: Step<NodeOf<"map">>,
  branches: Branches,
  count: number,
  chunk: number,
  world: World,
): readonly TaskEvent[] {
  const room = childrenAtOnce(step.node) - childrenOf(state, step).length;
  const chunks = Math.ceil(count / chunk);
  const facts: TaskEvent[] = [];
  const others: AspectsOfChild[] = [];
  for (let branch = branches.opened; branch < chunks && others.length < room; branch++) {
    const items = Math.min(chunk, count - branch * chunk);
    const members = childMembers(state, step, world, { items, others });
    // Those that begin may leave something for the others when they end.
    if ("facts" in members) return facts.length > 0 ? facts : carryOut(state, members, world);
    others.push(members);
    facts.push(...startChild(state, step, branch, world, items, members));
  }
  return facts;
}

const childrenAtOnce = ({ concurrency }: NodeOf<"map">): number =>
  concurrency === null ? LIMITS.mapChildren : Math.min(LIMITS.mapChildren, Math.ceil(concurrency / LIMITS.mapChunk));

/** How many items each of the tasks may have under way: together not one more than the step allows. */
export const concurrencyOfChild = (node: NodeOf<"map">): number =>
  node.concurrency === null ? LIMITS.mapChunk : Math.floor(node.concurrency / childrenAtOnce(node));

/** How many items may fail. */
function tolerated(state: TaskState, step: Step<NodeOf<"map">>, count: number): number {
  if (isPartOfMap(state, step)) return state.created.spread?.tolerate ?? 0;
  const { tolerate } = step.node;
  return "items" in tolerate ? tolerate.items : Math.floor(tolerate.share * count);
}

/** Whether the other items are canceled once too many have failed. Else they are done, so that a retry has what they came to. */
function cancelsOthers({ graph, created }: TaskState, { node }: Step<NodeOf<"map">>): boolean {
  if (node.onItemFailure !== null) return node.onItemFailure === "cancel";
  return created.fail_fast || graph.rules === 0;
}

/** How many items of a task with some of them may fail: any number, where all are done and the step itself counts them. */
export function toleratedInPart(state: TaskState, step: Step<NodeOf<"map">>): number {
  const count = step.branches?.count ?? 0;
  return cancelsOthers(state, step) ? tolerated(state, step, count) : count;
}

const isPartOfMap = ({ created }: TaskState, { frame }: Step): boolean => created.spread !== undefined && frame.owner === null;

function complete(state: TaskState, step: Step<NodeOf<"map">>, { outputs, chunk }: Branches, world: World): readonly TaskEvent[] {
  const parts = outputs ?? [];
  // Known before any is read: all of them at once might not fit the memory.
  const bytes = parts.reduce((sum, part) => sum + (part?.bytes ?? 0), 0);
  const output = bytes > LIMITS.valueBytes ? err(VALUE_TOO_LARGE) : recorded(state, listOf(parts, chunk !== null, world), world);
  if (!output.ok) return failStep(state, step, output.error, world);
  return [{ type: "step.completed", step: step.path, output: output.value }];
}

/** In the order of the items; `null` for one that failed. */
function listOf(parts: readonly (StoredValue | null)[], areLists: boolean, world: World): Json {
  const values = Array.from(parts, (part) => (part === null ? null : readValue(part, world.values)));
  return areLists ? (values as readonly (readonly Json[])[]).flat() : values;
}

function noList(step: Step<NodeOf<"map">>, value: Json): Failure {
  const type = value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;
  const source = step.node.over.expressions[0]?.expression.source ?? "over";
  return {
    code: "not_a_list",
    message: `over: "${source}" is ${type}, expected a list; got ${JSON.stringify(value).slice(0, 100)}`,
    retryable: false,
    pointer: step.node.overAt,
  };
}

function tooMany({ node }: Step<NodeOf<"map">>, items: number): Failure {
  const message = `over: ${items} items, a map has at most ${LIMITS.mapItems}`;
  return { code: "limit_reached", message, retryable: false, pointer: node.overAt };
}

function itemsFailed(failed: number, count: number, first: Failure | null): Failure {
  const why = first === null ? "" : `; the first: ${first.message}`;
  // A task with some of them may fail before any of them does.
  const what = failed === 0 ? `Some of the ${count} items could not be worked on` : `${failed} of ${count} items failed`;
  return { code: first?.code ?? "items_failed", message: what + why, retryable: false };
}
