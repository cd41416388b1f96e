/** Checks a task's input against the JSON Schema that its workflow declares. */
import { Validator } from "@cfworker/json-schema";
import type { WorkflowDefinition } from "../engine/definition.ts";
import type { Fault } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";

export function inputFaults(definition: WorkflowDefinition, input: Json): readonly Fault[] {
  if (definition.input_schema === undefined) return [];
  const { valid, errors } = new Validator(definition.input_schema, "2020-12", false).validate(input);
  if (valid) return [];
  // The library reports every enclosing schema too; the innermost places are what a caller can act on.
  const innermost = errors.filter(
    ({ instanceLocation }) => !errors.some((other) => other.instanceLocation.startsWith(`${instanceLocation}/`)),
  );
  return innermost.slice(0, 100).map(({ instanceLocation, error }) => ({
    pointer: `/input${instanceLocation.replace(/^#/, "")}`,
    message: error,
    code: "invalid_input",
  }));
}
