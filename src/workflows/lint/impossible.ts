/** Parts of a definition that can never work: they read nothing, so what they come to is known beforehand. */
import type { Workflow } from "../../language/compile.ts";
import type { Expression } from "../../language/expressions/expression.ts";
import type { Template } from "../../language/expressions/template.ts";
import type { Fault } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { violationsOf } from "../../shared/json-schema.ts";
import { LIMITS } from "../limits.ts";
import { parseDuration } from "../../shared/time.ts";
import { isPlain } from "./conditions.ts";
import { expressionsOf, ownExpressions, type PlacedExpression } from "./expressions.ts";
import { placed, placesIn, type Place } from "./places.ts";

/** Every submission of a definition asks, and compiled ones are shared. */
const faultsByWorkflow = new WeakMap<Workflow, readonly Fault[]>();

export function impossibleFaults(workflow: Workflow): readonly Fault[] {
  const known = faultsByWorkflow.get(workflow);
  if (known !== undefined) return known;
  const root = placed(workflow);
  const { definition, graph } = workflow;
  const faults = [
    ...[...placesIn(root)].flatMap((place) => [...failing(expressionsOf(place, null)), ...wrongValue(place)]),
    ...failing(ownExpressions(root, definition, graph, null)),
    ...wrongResult(workflow),
  ].slice(0, LIMITS.faults);
  faultsByWorkflow.set(workflow, faults);
  return faults;
}

const isKnown = (expression: Expression): boolean => expression.isConstant && isPlain(expression);
const NO_SCOPE = { input: null, task: null, steps: {} };

function failing(expressions: readonly PlacedExpression[]): readonly Fault[] {
  return expressions.flatMap(({ expression, at }) => {
    const value = isKnown(expression) ? expression.evaluate(NO_SCOPE) : null;
    if (value === null || value.ok) return [];
    return [{ code: "invalid_expression", pointer: at, message: `it fails whatever happens: ${value.error}` }];
  });
}

/** A list to run over that is none, a time that is none. */
function wrongValue({ node, at }: Place): readonly Fault[] {
  const refuse = (field: string, expected: string, value: Json): readonly Fault[] => {
    const message = `expected ${expected}, got ${JSON.stringify(value).slice(0, 100)}`;
    return [{ code: "invalid_definition", pointer: `${at}/${field}`, message }];
  };
  if (node.kind === "map") {
    const over = constantOf(node.over);
    return over === undefined || Array.isArray(over)
      ? []
      : refuse("over", 'a list, or an expression that yields one, such as "input.items"', over);
  }
  if (node.kind !== "wait") return [];
  const { type, value } = node.until;
  const until = constantOf(value);
  if (until === undefined) return [];
  const isRight = typeof until === "string" && (type === "for" ? parseDuration(until) !== null : !Number.isNaN(Date.parse(until)));
  if (isRight) return [];
  return refuse(type, type === "for" ? 'a duration such as "10m"' : 'a time such as "2027-01-31T09:00:00Z"', until);
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
function constantOf(template: Template): Json | undefined {
  if (!template.expressions.every(({ expression }) => isKnown(expression))) return undefined;
  const value = template.evaluate(() => NO_SCOPE);
  return value.ok ? value.value : undefined;
}
