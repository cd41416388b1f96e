/** What a fork may have different. */
import { z } from "@hono/zod-openapi";
import { budgetDefinition } from "../../language/budget-definition.ts";
import { duration, moment } from "../../language/definition-words.ts";
import { keepEveryName } from "../../shared/every-name.ts";
import { LIMITS } from "../limits.ts";
import { whatToRun } from "./task-schemas.ts";

export const forkBody = z
  .strictObject({
    from: z
      .union([z.strictObject({ step: z.string().min(1).max(LIMITS.textLength) }), z.strictObject({ seq: z.int() })], {
        error: 'expected {"step": …} or {"seq": …}',
      })
      .optional()
      .openapi({
        description:
          "The step that is done again, with all that depends on it; or the last event that both share. Without it, as the task stands",
      }),
    input: z.unknown().optional().openapi({ description: "In the place of the task's" }),
    outputs: keepEveryName(z.record(z.string().min(1).max(LIMITS.textLength), z.unknown()))
      .optional()
      .openapi({
        description: "By step, in the place of what it came to; what depends on it is done again",
        example: { fetch: { pages: 3 } },
      }),
    ...whatToRun,
    priority: z.int().min(0).max(9).optional(),
    tags: z.array(z.string().min(1).max(LIMITS.tagLength)).max(LIMITS.tags).optional(),
    budget: budgetDefinition.optional().openapi({ description: "In the place of what the task had; what is kept costs nothing" }),
    deadline: z
      .union([duration, moment], { error: 'expected a duration such as "10m" or an RFC 3339 time' })
      .optional()
      .openapi({ description: "Without it the fork has as long as the task had" }),
  })
  .refine(({ type, workflow }) => type === undefined || workflow === undefined, {
    path: ["workflow"],
    message: 'expected a "type" or a "workflow", not both',
  })
  .openapi("TaskFork", { example: { from: { step: "analyse" }, input: { query: "bees" } } });
export type ForkBody = z.infer<typeof forkBody>;
