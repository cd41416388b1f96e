/** A step that ends the task. */
import { z } from "zod";
import { identifier, template } from "../definition-words.ts";
import type { Template } from "../expressions/template.ts";
import { LIMITS } from "../limits.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, mayFailToRender, type KindDefinition } from "./kind.ts";

const schema = z.strictObject({
  ...stepFields,
  type: z.literal("end"),
  status: z.enum(["completed", "failed"]).optional(),
  output: template.optional(),
  error: z.strictObject({ code: identifier.optional(), message: z.string().min(1).max(LIMITS.textLength) }).optional(),
});

interface End {
  readonly status: "completed" | "failed";
  readonly output: Template | null;
  readonly error: { readonly code: string; readonly message: Template } | null;
}

export const end: KindDefinition<z.infer<typeof schema>, End> = {
  synonyms: [{ words: "return stop fail exit terminate finish succeed complete abort success" }],
  schema,
  compile: (step, { status = "completed", output, error }) => {
    if (status === "completed" && error !== undefined) step.refuse("error", 'only with the status "failed" there is an error');
    if (status === "failed" && output !== undefined) step.refuse("output", "a task that failed has no output");
    return {
      status,
      output: output === undefined ? null : step.template(output, "output"),
      error: error === undefined ? null : { code: error.code ?? "ended", message: step.template(error.message, "error/message") },
    };
  },
  expressions: ({ output, error }) => [
    { field: "output", value: output },
    { field: "error/message", value: error?.message ?? null },
  ],
  endsTask: true,
  staysInTask: true,
  outcomes: ({ output, error }) => ({ completed: false, failed: mayFailToRender(output ?? error?.message ?? null) }),
  box: ["(((", ")))"],
  label: ({ status }) => [labelText(status ?? "completed")],
};
