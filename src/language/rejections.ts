/** What a caller can be told by this room alone. */
import { defineRejections, usage } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  invalid_definition: usage("The workflow definition is not valid"),
  duplicate_step_id: usage("Two steps have the same id"),
  unknown_need: usage("A step needs a step that does not exist"),
  workflow_cycle: usage("Steps need each other in a circle"),
  unknown_reference: usage("It refers to something that does not exist"),
  inner_reference: usage("An expression refers to a step inside another"),
  invalid_expression: usage("An expression is not valid"),
  invalid_input: usage("The input does not match the workflow's schema"),
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
