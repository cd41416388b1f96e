/** The JSON Schemas that a workflow declares, and a task's input against one of them. */
import type { WorkflowDefinition } from "../language/definition.ts";
import type { Fault } from "../shared/errors.ts";
import { pointer, type Json } from "../shared/json.ts";
import { schemaProblem, violationsOf } from "../shared/json-schema.ts";

/** The schemas of a definition; what its result looks like is for readers, but it should be a schema. */
interface Schemas {
  readonly input_schema?: WorkflowDefinition["input_schema"];
  readonly output_schema?: WorkflowDefinition["input_schema"];
}

/** What is wrong with the schemas themselves. */
export function schemaFaults({ input_schema, output_schema }: Schemas): readonly Fault[] {
  return Object.entries({ input_schema, output_schema }).flatMap(([field, schema]) => {
    const problem = schema === undefined ? null : schemaProblem(schema);
    if (problem === null) return [];
    return [{ pointer: pointer(field), message: `the schema cannot be applied: ${problem}`, code: "invalid_definition" as const }];
  });
}

export function inputFaults({ input_schema }: WorkflowDefinition, input: Json): readonly Fault[] {
  if (input_schema === undefined) return [];
  return violationsOf(input_schema, input).map(({ pointer, message }) => ({
    pointer: `/input${pointer}`,
    message,
    code: "invalid_input",
  }));
}
