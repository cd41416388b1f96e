/** Steps and cases that can never run, and conditions that always come out the same. */
import type { Expression } from "../../language/expressions/expression.ts";
import type { NodeOf } from "../../language/graph.ts";
import type { Truth } from "../../language/kinds/kind.ts";
import { excerpt } from "../../shared/text.ts";
import type { Warning } from "./codes.ts";
import type { StepOutcomes, PossibleOutcomes } from "./possible-outcomes.ts";
import { stepsUnder, type SourceStep, type SourceBlock } from "./source-tree.ts";

export function reachabilityWarnings(root: SourceBlock, outcomes: PossibleOutcomes): readonly Warning[] {
  return [...stepsUnder(root)].flatMap((step) => {
    const outcome = outcomes.of(step);
    // What is inside of a step that never runs is told with that step.
    if (outcome === undefined) return [];
    if (!outcome.mayStart) return unreachable(step, outcomes);
    const when =
      step.node.when === null ? [] : conditionWarnings(step.node.when, "when", `"${step.node.id}" is always skipped`, step, outcomes);
    return outcome.mayRun ? [...when, ...earlyEnd(step), ...ownWarnings(step, outcomes)] : when;
  });
}

function unreachable({ node, at, within }: SourceStep, outcomes: PossibleOutcomes): readonly Warning[] {
  const needs = node.needs
    .map((index) => within.steps[index] as SourceStep)
    .map((need) => ({ need, outcome: outcomes.of(need) as StepOutcomes }));
  const blocking = needs.filter(({ outcome }) => isBlocking(node.runIf, outcome));
  // The first of a row that cannot run is told, not all that follow from it.
  if (blocking.some(({ outcome }) => !outcome.mayStart)) return [];
  const [first] = blocking;
  const why = node.runIf.startsWith("any_") || first === undefined ? noneOf(node.runIf) : whyBlocked(first.need, first.outcome);
  return [{ code: "unreachable_step", pointer: at, message: `"${node.id}" can never run: ${why}` }];
}

function isBlocking(runIf: string, { completed, failed, skipped, behindFailure }: StepOutcomes): boolean {
  if (runIf === "all_completed" || runIf === "any_completed") return !completed;
  if (runIf === "any_failed") return !failed && !behindFailure;
  return !completed && !skipped && (runIf === "none_failed" || (!failed && !behindFailure));
}

const noneOf = (runIf: string): string =>
  runIf === "any_failed"
    ? 'with run_if "any_failed" something that it needs has to fail, or to be skipped because of a failure, and nothing of it can'
    : `with run_if "${runIf}" something that it needs has to complete, and nothing of it can`;

function whyBlocked({ node, kind }: SourceStep, { failed, skipped, behindFailure, mayRun }: StepOutcomes): string {
  if (!mayRun) return `it needs "${node.id}", which is always skipped`;
  if (kind.endsTask === true) return `it needs "${node.id}", which ends the task`;
  if (!failed && !skipped && !behindFailure)
    return `it needs "${node.id}", ${node.blocks.length === 0 ? "which waits for ever" : "in which the task always ends"}`;
  return `it needs "${node.id}" to complete, which it never does`;
}

/** One that asks for nothing but constants, or for a status that cannot be by then. */
function conditionWarnings(
  condition: Expression,
  field: string,
  so: string,
  step: SourceStep,
  outcomes: PossibleOutcomes,
): readonly Warning[] {
  const { node, at } = step;
  const truth = outcomes.truth(condition);
  const pointer = `${at}/${field}`;
  if (condition.steps.length === 0) {
    if (!truth.mayHold) return [constant(pointer, condition, `never holds: ${so}`)];
    return isAlways(truth) ? [constant(pointer, condition, "always holds: leave the condition out")] : [];
  }
  if (truth.mayHold) return [];
  const would = node.runIf === "all_settled" ? null : outcomes.truthWith(condition, step, "all_settled");
  const helps = would?.mayHold === true;
  const hint = helps ? '; to act on what has failed or was skipped set run_if to "all_settled"' : "";
  const what = truth.mayNotHold ? `can never hold, so ${so}` : "always fails";
  const message = `${quoted(condition)} ${what}: ${whenAsked(condition, step)}${hint}`;
  return [{ code: "condition_never_holds", pointer, message, ...(helps && { suggestion: '"run_if": "all_settled"' }) }];
}

function whenAsked({ steps }: Expression, { node, within }: SourceStep): string {
  const ids = [...new Set(steps.map(({ id }) => id))];
  const names = ids.map((id) => `"${id}"`).join(", ");
  const isOwn = ids.every((id) => within.block.indexById.has(id));
  switch (isOwn ? node.runIf : "all_settled") {
    case "all_completed":
    case "any_completed":
      return `with run_if "${node.runIf}" it is only asked once ${names} completed`;
    case "none_failed":
      return `with run_if "none_failed" it is only asked when ${names} did not fail, and was not skipped because of a failure`;
    case "any_failed":
      return `with run_if "any_failed" it is only asked once ${names} failed, or was skipped because of a failure`;
    case "all_settled":
      return `when it is asked ${names} cannot be so`;
  }
}

const isAlways = ({ mayHold, mayNotHold, mayFail }: Truth): boolean => mayHold && !mayNotHold && !mayFail;
const quoted = ({ source }: Expression): string => `"${excerpt(source, 100)}"`;

function constant(pointer: string, condition: Expression, holds: string): Warning {
  return { code: "constant_condition", pointer, message: `${quoted(condition)} ${holds}` };
}

function earlyEnd({ node, kind, at, within }: SourceStep): readonly Warning[] {
  if (kind.endsTask !== true || node.needs.length > 0 || node.when !== null || within.steps.length === 1) return [];
  const where = within.owner === null ? "as soon as it begins" : `as soon as "${within.owner.node.id}" begins`;
  const message = `"${node.id}" needs nothing, so it ends the task ${where}; say in "needs" what is to be done before`;
  const before = within.block.sinks.filter((index) => index !== node.index).map((index) => within.steps[index]?.node.id);
  return [{ code: "early_end", pointer: at, message, suggestion: `"needs": ${JSON.stringify(before.slice(0, 10))}` }];
}

function ownWarnings(step: SourceStep, outcomes: PossibleOutcomes): readonly Warning[] {
  const { node, kind, at } = step;
  if (node.kind === "switch") return caseWarnings(node, step, outcomes);
  if (node.kind === "repeat") return node.until === null ? [] : untilWarnings(node.until, node.max, step, outcomes);
  return kind.expressions(node).flatMap(({ field, value, otherwise }) => {
    if (otherwise === undefined || value === null || !("source" in value) || outcomes.truth(value).mayHold) return [];
    return [constant(`${at}/${field}`, value, `never holds: ${otherwise}`)];
  });
}

function untilWarnings(until: Expression, max: number, { at }: SourceStep, outcomes: PossibleOutcomes): readonly Warning[] {
  const truth = outcomes.truth(until);
  const pointer = `${at}/until`;
  if (truth.mayHold) return isAlways(truth) && max > 1 ? [constant(pointer, until, "always holds: there is only one iteration")] : [];
  const so = `so after ${max} iterations the step fails`;
  if (until.steps.length === 0) return [constant(pointer, until, `never holds, ${so}; to go on as often leave "until" out`)];
  const message = `${quoted(until)} never holds, ${so}: a step that fails makes its iteration fail, unless it says "on_error": "continue"`;
  return [{ code: "condition_never_holds", pointer, message }];
}

function caseWarnings(node: NodeOf<"switch">, step: SourceStep, outcomes: PossibleOutcomes): readonly Warning[] {
  const { at } = step;
  const always = node.cases.findIndex((when) => isAlways(outcomes.truth(when)));
  const asked = always === -1 ? node.cases : node.cases.slice(0, always);
  const warnings = asked.flatMap((when, index) =>
    conditionWarnings(when, `cases/${index}/when`, "the case is never chosen", step, outcomes),
  );
  // The last of all that always holds is what others write for a default.
  if (always === -1 || always === node.blocks.length - 1) return warnings;
  const pointer = always + 1 === node.cases.length ? `${at}/default` : `${at}/cases/${always + 1}`;
  const message = `the case before it, ${quoted(node.cases[always] as Expression)}, always holds: nothing after it is ever chosen`;
  return [...warnings, { code: "unreachable_case", pointer, message }];
}
