/** The shape of definitions in the OpenAPI document. It contains itself, which the document's own generator cannot draw. */
import { z } from "@hono/zod-openapi";
import { stepDefinition, stepList, workflowDefinition, type WorkflowDefinition } from "../../language/definition.ts";

const PLACE = "#/components/schemas/";

const shape = { type: "object" as const, allOf: [{ $ref: `${PLACE}WorkflowDefinition` }] };

/** As it came, to be checked when it is compiled: so faults carry their own codes. */
export const anyDefinition = z
  .custom<object>((value) => typeof value === "object" && value !== null && !Array.isArray(value), "expected a workflow definition")
  .openapi(shape);

/** As it is read back. */
export const definitionView = z.custom<WorkflowDefinition>().openapi(shape);

/** Components by name. */
export function definitionComponents(): Readonly<Record<string, object>> {
  const named = z.registry<{ id: string }>();
  named.add(workflowDefinition, { id: "WorkflowDefinition" });
  named.add(stepDefinition, { id: "StepDefinition" });
  named.add(stepList, { id: "StepList" });
  const { schemas } = z.toJSONSchema(named, { uri: (id) => PLACE + id, io: "input", unrepresentable: "any" });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      // A step without a type is one that asks an agent: what may be left out tells no two shapes apart, so it is any of them.
      const { $id: _, $schema: __, oneOf, ...rest } = schema as Record<string, unknown>;
      return [name, { ...rest, ...(oneOf !== undefined && { anyOf: oneOf }) }];
    }),
  );
}
