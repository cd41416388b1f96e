/** What a task looks like on the wire, in both directions. */
import { z } from "@hono/zod-openapi";
import { concurrencyDefinition } from "../../language/concurrency.ts";
import { budgetDefinition } from "../../language/budget-definition.ts";
import { debounceDefinition } from "../../language/debounce.ts";
import type { WorkflowDefinition } from "../../language/definition.ts";
import { duration, moment } from "../../language/definition-words.ts";
import { keepEveryName } from "../../shared/every-name.ts";
import { isJsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { parseReference } from "../../language/workflow-reference.ts";

/** What is to run: one of the two. */
export const whatToRun = {
  type: z
    .string()
    .max(2 * LIMITS.idLength + 1, { abort: true })
    .refine((text) => parseReference(text) !== null, 'expected the name of a workflow, or "name@3", or "name@stable"')
    .optional()
    .openapi({
      description: "A registered workflow, built-in ones included: its newest version, or the one after `@`",
      example: "study@stable",
    }),
  // Checked when it is compiled, which is remembered; here its shape is for the documentation only.
  workflow: z
    .custom<WorkflowDefinition>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value),
      "expected a workflow definition",
    )
    .optional()
    .openapi({
      type: "object",
      description: "An inline definition, instead of a type",
      allOf: [{ $ref: "#/components/schemas/WorkflowDefinition" }],
    }),
};

const durationOrTime = z.union([duration, moment], {
  error: 'expected a duration such as "10m" or an RFC 3339 time',
});

/** Options of a task. Everything else in a short-form submission is its input. */
const options = {
  ...whatToRun,
  input: z.unknown().optional().openapi({ description: "Any JSON; absent in the short form" }),
  priority: z.int().min(0).max(9).optional(),
  tags: z.array(z.string().min(1).max(LIMITS.tagLength)).max(LIMITS.tags).optional(),
  deadline: durationOrTime.optional(),
  queue_ttl: duration.optional().openapi({ description: "How long a step may wait for an agent, and the task for its turn" }),
  start_at: durationOrTime.optional().openapi({ description: "It is queued until then: a time, or so long from now" }),
  concurrency: concurrencyDefinition
    .optional()
    .openapi({ description: "How many tasks of the same key run at once; instead of what the workflow says" }),
  debounce: debounceDefinition.optional().openapi({
    description:
      "Submissions of one key within `for` of each other are one task, with the input of the last: it begins `for` after that, at most `max` after the first",
  }),
  on_no_agent: z.enum(["wait", "fail"]).optional(),
  fail_fast: z.boolean().optional(),
  budget: budgetDefinition.optional().openapi({
    description: "What it may spend, at most what its workflow allows; reserved before a call, settled after it",
    example: { cost_usd: 2, calls: 50, on_exhausted: "ask" },
  }),
  webhook: z
    .strictObject({ url: z.string().min(1).max(LIMITS.urlLength), secret: z.string().max(LIMITS.secretLength).optional() })
    .optional()
    .openapi({ description: "Is told when the task has ended, as Standard Webhooks has it" }),
};

/** Options of the contract that this version does not have yet: never taken for input. */
const UNAVAILABLE = ["goal"];

const isShort = (body: { readonly type?: unknown }): boolean => body.type !== undefined && !("input" in body);

const optionNames = new Set(Object.keys(options));

/**
 * A submission. With a `type` and without an `input`, fields that are no options are the input
 * (`{"type": "simple", "message": "Hello"}`); otherwise an unknown field is refused.
 */
export const submission = keepEveryName(
  z
    .looseObject(options)
    .superRefine(
      (body, context) => {
        const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
        for (const name of Object.keys(body)) {
          if (context.issues.length >= LIMITS.faults) break;
          if (UNAVAILABLE.includes(name)) refuse(name, "this option is not available");
          else if (!optionNames.has(name) && !isShort(body)) refuse(name, "unknown field");
        }
        if (body.type === undefined && body.workflow === undefined) refuse("type", 'expected a "type" or a "workflow"');
        if (body.type !== undefined && body.workflow !== undefined) refuse("workflow", 'expected a "type" or a "workflow", not both');
      },
      // Beside other faults too, so that all are told at once.
      { when: ({ value }) => isJsonObject(value) },
    )
    .openapi("TaskSubmission", { example: { type: "simple", message: "Hello" } }),
  (body) => (isShort(body) ? null : "unknown field"),
);
export type SubmissionBody = z.infer<typeof submission>;

export function isOption(name: string): boolean {
  return optionNames.has(name);
}
