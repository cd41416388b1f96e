/** What every kind of step has, as its author writes it. */
import { z } from "zod";
import { compensateDefinition } from "./agent-definition.ts";
import { expression, identifier, template } from "./definition-words.ts";
import { LIMITS } from "./limits.ts";

export const RUN_IF = ["all_completed", "all_settled", "none_failed", "any_completed", "any_failed"] as const;
export type RunIf = (typeof RUN_IF)[number];

const fallbackOutput = z.strictObject({ output: template }).refine((value) => "output" in value, 'expected {"output": …}');

export const stepFields = {
  id: identifier,
  description: z.string().max(LIMITS.textLength).optional(),
  needs: z.array(identifier).max(LIMITS.steps).optional(),
  when: expression.optional(),
  run_if: z.enum(RUN_IF).optional(),
  on_error: z.union([z.enum(["fail", "continue"]), fallbackOutput]).optional(),
  /** An agent step that undoes this one when the task fails or is canceled after it. */
  compensate: compensateDefinition.optional(),
};

const anyStep = z.object(stepFields);
/** A step of whatever kind. */
export type AnyStepDefinition = z.infer<typeof anyStep> & { readonly type?: string | undefined };
