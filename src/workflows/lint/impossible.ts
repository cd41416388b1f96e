/** Parts of a definition that can never work: they read nothing, so what they come to is known beforehand. */
import type { Workflow } from "../../language/compile.ts";
import { inTurn, isTurnOver } from "../../language/expressions/budget.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import type { Template } from "../../language/expressions/template.ts";
import type { Fault } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { violationsOf } from "../../shared/json-schema.ts";
import { LIMITS } from "../limits.ts";
import { isPlain } from "./conditions.ts";
import { expressionsOf, ownExpressions, type PlacedExpression } from "./expressions.ts";
import { sourceTree, stepsUnder, type SourceStep } from "./source-tree.ts";

/** Every submission of a definition asks, and compiled ones are shared. */
const faultsByWorkflow = new WeakMap<Workflow, readonly Fault[]>();

export function impossibleFaults(workflow: Workflow): readonly Fault[] {
  const known = faultsByWorkflow.get(workflow);
  if (known !== undefined) return known;
  const root = sourceTree(workflow);
  const { definition, graph } = workflow;
  const faults = inTurn(() => [
    ...[...stepsUnder(root)].flatMap((step) => [...failing(expressionsOf(step, null)), ...wrongValue(step)]),
    ...failing(ownExpressions(root, definition, graph, null)),
    ...wrongResult(workflow),
  ]).slice(0, LIMITS.faults);
  faultsByWorkflow.set(workflow, faults);
  return faults;
}

/** Once expressions have taken their turn, what is left is found out when it runs. */
const isKnown = (expression: Expression): boolean => expression.isConstant && isPlain(expression) && !isTurnOver();
const NO_SCOPE = { input: null, task: null, steps: {} };

function failing(expressions: readonly PlacedExpression[]): readonly Fault[] {
  return expressions.flatMap(({ expression, at }) => {
    const value = isKnown(expression) ? expression.evaluate(NO_SCOPE) : null;
    if (value === null || value.ok) return [];
    return [{ code: "invalid_expression", pointer: at, message: `it fails whatever happens: ${value.error}` }];
  });
}

/** A list to run over that is none, a time that is none. */
function wrongValue({ node, kind, at }: SourceStep): readonly Fault[] {
  return kind.expressions(node).flatMap(({ field, value: template, expected }) => {
    const value = expected === undefined || template === null || "source" in template ? undefined : constantOf(template);
    if (expected === undefined || value === undefined || expected.isRight(value)) return [];
    const message = `expected ${expected.what}, got ${JSON.stringify(value).slice(0, 100)}`;
    return [{ code: "invalid_definition", pointer: `${at}/${field}`, message }];
  });
}

function wrongResult({ graph: { output, outputSchema } }: Workflow): readonly Fault[] {
  const value = output === null || outputSchema === null ? undefined : constantOf(output);
  if (value === undefined) return [];
  return violationsOf(outputSchema ?? true, value).map(({ pointer, message }) => ({
    code: "invalid_definition",
    pointer: `/output${pointer}`,
    message: `it violates the output_schema: ${message}`,
  }));
}

/** `undefined` for what depends on anything, or fails. */
export function constantOf(template: Template): Json | undefined {
  if (!template.expressions.every(({ expression }) => isKnown(expression))) return undefined;
  const value = template.evaluate(() => NO_SCOPE);
  return value.ok ? value.value : undefined;
}
