/** Checks a task's input against the JSON Schema that its workflow declares. */
import type { WorkflowDefinition } from "../engine/definition.ts";
import type { Fault } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import { schemaProblem, violationsOf } from "../shared/json-schema.ts";

/** What is wrong with the schema itself. */
export function schemaFaults({ input_schema }: WorkflowDefinition): readonly Fault[] {
  const problem = input_schema === undefined ? null : schemaProblem(input_schema);
  return problem === null
    ? []
    : [{ pointer: "/input_schema", message: `the schema cannot be applied: ${problem}`, code: "invalid_definition" }];
}

export function inputFaults({ input_schema }: WorkflowDefinition, input: Json): readonly Fault[] {
  if (input_schema === undefined) return [];
  return violationsOf(input_schema, input).map(({ pointer, message }) => ({
    pointer: `/input${pointer}`,
    message,
    code: "invalid_input",
  }));
}
