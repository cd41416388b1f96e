/** Steps and cases that can never run, and conditions that always come out the same. */
import type { Expression } from "../../language/expressions/expression.ts";
import type { NodeOf } from "../../language/graph.ts";
import { excerpt } from "../../shared/text.ts";
import type { Warning } from "./codes.ts";
import type { Truth } from "./conditions.ts";
import type { Fate, Fates } from "./fates.ts";
import { placesIn, type Place, type PlacedBlock } from "./places.ts";

export function reachabilityWarnings(root: PlacedBlock, fates: Fates): readonly Warning[] {
  return [...placesIn(root)].flatMap((place) => {
    const fate = fates.of(place);
    // What is inside of a step that never runs is told with that step.
    if (fate === undefined) return [];
    if (!fate.mayStart) return unreachable(place, fates);
    const when =
      place.node.when === null ? [] : conditionWarnings(place.node.when, "when", `"${place.node.id}" is always skipped`, place, fates);
    return fate.mayRun ? [...when, ...earlyEnd(place), ...ownWarnings(place, fates)] : when;
  });
}

function unreachable({ node, at, within }: Place, fates: Fates): readonly Warning[] {
  const needs = node.needs.map((index) => within.places[index] as Place).map((need) => ({ need, fate: fates.of(need) as Fate }));
  const blocking = needs.filter(({ fate }) => isBlocking(node.runIf, fate));
  // The first of a row that cannot run is told, not all that follow from it.
  if (blocking.some(({ fate }) => !fate.mayStart)) return [];
  const [first] = blocking;
  const why = node.runIf.startsWith("any_") || first === undefined ? noneOf(node.runIf) : whyBlocked(first.need, first.fate);
  return [{ code: "unreachable_step", pointer: at, message: `"${node.id}" can never run: ${why}` }];
}

function isBlocking(runIf: string, { completed, failed, skipped }: Fate): boolean {
  if (runIf === "all_completed" || runIf === "any_completed") return !completed;
  if (runIf === "any_failed") return !failed;
  return !completed && !skipped && (runIf === "none_failed" || !failed);
}

const noneOf = (runIf: string): string =>
  runIf === "any_failed"
    ? 'with run_if "any_failed" something that it needs has to fail, and nothing of it can'
    : `with run_if "${runIf}" something that it needs has to complete, and nothing of it can`;

function whyBlocked({ node }: Place, { failed, skipped, mayRun }: Fate): string {
  if (!mayRun) return `it needs "${node.id}", which is always skipped`;
  if (node.kind === "end") return `it needs "${node.id}", which ends the task`;
  if (!failed && !skipped)
    return `it needs "${node.id}", ${node.kind === "signal" ? "which waits for ever" : "in which the task always ends"}`;
  return `it needs "${node.id}" to complete, which it never does`;
}

/** One that asks for nothing but constants, or for a status that cannot be by then. */
function conditionWarnings(condition: Expression, field: string, so: string, place: Place, fates: Fates): readonly Warning[] {
  const { node, at } = place;
  const truth = fates.truth(condition);
  const pointer = `${at}/${field}`;
  if (condition.steps.length === 0) {
    if (!truth.mayHold) return [constant(pointer, condition, `never holds: ${so}`)];
    return isAlways(truth) ? [constant(pointer, condition, "always holds: leave the condition out")] : [];
  }
  if (truth.mayHold) return [];
  const would = node.runIf === "all_settled" ? null : fates.truthWith(condition, place, "all_settled");
  const helps = would?.mayHold === true;
  const hint = helps ? '; to act on what has failed or was skipped set run_if to "all_settled"' : "";
  const what = truth.mayNotHold ? `can never hold, so ${so}` : "always fails";
  const message = `${quoted(condition)} ${what}: ${whenAsked(condition, place)}${hint}`;
  return [{ code: "condition_never_holds", pointer, message, ...(helps && { suggestion: '"run_if": "all_settled"' }) }];
}

function whenAsked({ steps }: Expression, { node, within }: Place): string {
  const ids = [...new Set(steps.map(({ id }) => id))];
  const names = ids.map((id) => `"${id}"`).join(", ");
  const isOwn = ids.every((id) => within.block.indexById.has(id));
  switch (isOwn ? node.runIf : "all_settled") {
    case "all_completed":
    case "any_completed":
      return `with run_if "${node.runIf}" it is only asked once ${names} completed`;
    case "none_failed":
      return `with run_if "none_failed" it is only asked when ${names} did not fail`;
    case "any_failed":
      return `with run_if "any_failed" it is only asked once ${names} failed`;
    case "all_settled":
      return `when it is asked ${names} cannot be so`;
  }
}

const isAlways = ({ mayHold, mayNotHold, mayFail }: Truth): boolean => mayHold && !mayNotHold && !mayFail;
const quoted = ({ source }: Expression): string => `"${excerpt(source, 100)}"`;

function constant(pointer: string, condition: Expression, holds: string): Warning {
  return { code: "constant_condition", pointer, message: `${quoted(condition)} ${holds}` };
}

function earlyEnd({ node, at, within }: Place): readonly Warning[] {
  if (node.kind !== "end" || node.needs.length > 0 || node.when !== null || within.places.length === 1) return [];
  const where = within.owner === null ? "as soon as it begins" : `as soon as "${within.owner.node.id}" begins`;
  const message = `"${node.id}" needs nothing, so it ends the task ${where}; say in "needs" what is to be done before`;
  const before = within.block.sinks.filter((index) => index !== node.index).map((index) => within.places[index]?.node.id);
  return [{ code: "early_end", pointer: at, message, suggestion: `"needs": ${JSON.stringify(before.slice(0, 10))}` }];
}

function ownWarnings(place: Place, fates: Fates): readonly Warning[] {
  const { node, at } = place;
  switch (node.kind) {
    case "switch":
      return caseWarnings(node, place, fates);
    case "repeat":
      return node.until === null ? [] : untilWarnings(node.until, node.max, place, fates);
    case "signal":
      if (node.match === null || fates.truth(node.match).mayHold) return [];
      return [constant(`${at}/match`, node.match, "never holds: no signal is ever taken")];
    case "agent":
    case "map":
    case "workflow":
    case "wait":
    case "approval":
    case "transform":
    case "end":
      return [];
  }
}

function untilWarnings(until: Expression, max: number, { at }: Place, fates: Fates): readonly Warning[] {
  const truth = fates.truth(until);
  const pointer = `${at}/until`;
  if (truth.mayHold) return isAlways(truth) && max > 1 ? [constant(pointer, until, "always holds: there is only one iteration")] : [];
  const so = `so after ${max} iterations the step fails`;
  if (until.steps.length === 0) return [constant(pointer, until, `never holds, ${so}; to go on as often leave "until" out`)];
  const message = `${quoted(until)} never holds, ${so}: a step that fails makes its iteration fail, unless it says "on_error": "continue"`;
  return [{ code: "condition_never_holds", pointer, message }];
}

function caseWarnings(node: NodeOf<"switch">, place: Place, fates: Fates): readonly Warning[] {
  const { at } = place;
  const last = node.cases.length - 1 + (node.otherwise === null ? 0 : 1);
  const always = node.cases.findIndex(({ when }) => isAlways(fates.truth(when)));
  const asked = always === -1 ? node.cases : node.cases.slice(0, always);
  const warnings = asked.flatMap(({ when }, index) =>
    conditionWarnings(when, `cases/${index}/when`, "the case is never chosen", place, fates),
  );
  // The last of all that always holds is what others write for a default.
  if (always === -1 || always === last) return warnings;
  const pointer = always + 1 === node.cases.length ? `${at}/default` : `${at}/cases/${always + 1}`;
  const message = `the case before it, ${quoted(node.cases[always]?.when as Expression)}, always holds: nothing after it is ever chosen`;
  return [...warnings, { code: "unreachable_case", pointer, message }];
}
