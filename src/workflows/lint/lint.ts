/**
 * What about a definition that is valid is probably not meant. Pure: the definition, its graph, and what was looked up
 * for it. A warning is something that a person would want to be told of; what may well be meant is none.
 */
import type { Workflow } from "../../language/compile.ts";
import { segmentsOf } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { budgetWarnings } from "./budgets.ts";
import { boundWarnings } from "./bounds.ts";
import type { Warning } from "./codes.ts";
import { cutOffWarnings } from "./cut-off.ts";
import { deadlineWarnings } from "./deadlines.ts";
import { PossibleOutcomes } from "./possible-outcomes.ts";
import { fieldWarnings } from "./fields.ts";
import { literalWarnings } from "./literals.ts";
import { needWarnings } from "./needs.ts";
import { sourceTree } from "./source-tree.ts";
import { ownPlaceWarnings } from "./own-places.ts";
import { reachabilityWarnings } from "./reachability.ts";
import { referenceWarnings } from "./references.ts";
import { ShapeInference } from "./shape-inference.ts";
import { agentWarnings } from "./agents.ts";
import type { LintContext } from "./lint-context.ts";

export function lintWorkflow(workflow: Workflow, context: LintContext): readonly Warning[] {
  const { definition, graph } = workflow;
  const root = sourceTree(workflow);
  const shapes = new ShapeInference(root, definition, context);
  const outcomes = new PossibleOutcomes(root);
  const warnings: readonly Warning[] = [
    ...graph.warnings,
    ...reachabilityWarnings(root, outcomes),
    ...cutOffWarnings(root, outcomes),
    ...needWarnings(root),
    ...fieldWarnings(root, workflow, shapes),
    ...literalWarnings(root, definition),
    ...boundWarnings(root, shapes),
    ...deadlineWarnings(root, definition),
    ...budgetWarnings(root, definition, context.agents),
    ...agentWarnings(root, context.agents, shapes),
    ...referenceWarnings(root, workflow, context, shapes),
    ...ownPlaceWarnings(root, workflow, context),
  ];
  return warnings
    .map((warning) => ({ warning, place: segmentsOf(warning.pointer) }))
    .toSorted((a, b) => inOrderOfPlaces(a.place, b.place))
    .slice(0, LIMITS.faults)
    .map(({ warning }) => warning);
}

/** As a reader comes to them: items by number, the definition's own fields after its steps. */
function inOrderOfPlaces(a: readonly string[], b: readonly string[]): number {
  const index = a.findIndex((segment, place) => segment !== b[place]);
  const [one, other] = [a[index], b[index]];
  if (one === undefined || other === undefined) return a.length - b.length;
  if (index === 0) return Number(one !== "steps") - Number(other !== "steps");
  const numbers = [Number(one), Number(other)] as const;
  return numbers.some(Number.isNaN) ? (one < other ? -1 : 1) : numbers[0] - numbers[1];
}
