/** A step that only computes. */
import { z } from "zod";
import type { Json } from "../../shared/json.ts";
import { template } from "../definition-words.ts";
import type { Template } from "../expressions/template.ts";
import { stepFields } from "../step-definition.ts";
import { mayFailToRender, type KindDefinition } from "./kind.ts";

const schema = z.strictObject({ ...stepFields, type: z.literal("transform"), output: template });

interface Transform {
  readonly output: Template;
}

export const transform: KindDefinition<z.infer<typeof schema>, Transform> = {
  synonyms: [{ words: "set script code assign pass compute merge aggregate format variable data reduce filter join" }],
  schema,
  compile: (step, { output }) => ({ output: step.template(output, "output") }),
  expressions: ({ output }) => [{ field: "output", value: output }],
  outcomes: ({ output }) => ({ completed: true, failed: mayFailToRender(output) }),
  output: ({ output }, _node, shapes) => shapes.template(output as Json),
  box: ["[/", "/]"],
};
