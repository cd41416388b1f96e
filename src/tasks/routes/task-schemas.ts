/** What a task looks like on the wire, in both directions. */
import { z } from "@hono/zod-openapi";
import { concurrencyDefinition } from "../../language/concurrency.ts";
import { BUDGET_ACTIONS, budgetDefinition } from "../../language/budget-definition.ts";
import { debounceDefinition } from "../../language/debounce.ts";
import { STEP_KINDS } from "../../language/kinds/table.ts";
import type { WorkflowDefinition } from "../../language/definition.ts";
import { duration } from "../../language/definition-words.ts";
import { isJsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { parseReference } from "../../language/workflow-reference.ts";
import { receipt } from "../../agents/routes/agent-schemas.ts";
import { ByView } from "../../http/by.ts";
import { Decisions } from "../views/approval-view.ts";

export const TASK_STATUS = ["queued", "running", "waiting", "paused", "completed", "failed", "canceled", "timed_out", "rejected"] as const;
const STEP_STATUS = ["pending", "running", "waiting", "retrying", "completed", "failed", "skipped", "canceled"] as const;

/** What is to run: one of the two. */
export const whatToRun = {
  type: z
    .string()
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

const durationOrTime = z.union([duration, z.iso.datetime({ offset: true })], {
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

const optionNames = new Set(Object.keys(options));

/**
 * A submission. With a `type` and without an `input`, fields that are no options are the input
 * (`{"type": "simple", "message": "Hello"}`); otherwise an unknown field is refused.
 */
export const submission = z
  .looseObject(options)
  .superRefine(
    (body, context) => {
      const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
      const isShort = body.type !== undefined && !("input" in body);
      for (const name of Object.keys(body)) {
        if (UNAVAILABLE.includes(name)) refuse(name, "this option is not available");
        else if (!optionNames.has(name) && !isShort) refuse(name, "unknown field");
      }
      if (body.type === undefined && body.workflow === undefined) refuse("type", 'expected a "type" or a "workflow"');
      if (body.type !== undefined && body.workflow !== undefined) refuse("workflow", 'expected a "type" or a "workflow", not both');
    },
    // Beside other faults too, so that all are told at once.
    { when: ({ value }) => isJsonObject(value) },
  )
  .openapi("TaskSubmission", { example: { type: "simple", message: "Hello" } });
export type SubmissionBody = z.infer<typeof submission>;

export function isOption(name: string): boolean {
  return optionNames.has(name);
}

const time = z.iso.datetime();
const errorView = z.object({ code: z.string(), message: z.string(), step_id: z.string().optional(), pointer: z.string().optional() });
const amounts = { cost_usd: z.number().optional(), tokens: z.number().optional(), calls: z.number().optional() };
const waitingOn = z.object({
  type: z.enum(["agent", "capacity", "timer", "signal", "approval", "child", "cache", "budget", "concurrency", "debounce"]),
  step_id: z.string().optional().openapi({ description: "Absent where the task itself waits, to begin" }),
  capability: z.string().optional(),
  agent: z.string().optional(),
  key: z.string().optional().openapi({ description: "Under which so many tasks run at once, or submissions are one task" }),
  limit: z.int().optional(),
  position: z.int().optional().openapi({ description: "In the line of the agent or under the key, 1 for who is next" }),
  why: z.string().optional(),
  name: z.string().optional().openapi({ description: "Of the signal" }),
  approval_id: z.string().optional(),
  task_id: z.string().optional().openapi({ description: "The task that the step has started, or that brings the result it waits for" }),
  since: time.optional(),
  until: time.optional().openapi({ description: "Absent while only something from outside can end the wait" }),
  count: z.int().optional(),
});

export const taskHead = z
  .object({
    id: z.string(),
    type: z.string().nullable(),
    workflow: z.object({ name: z.string().nullable(), version: z.int().nullable() }),
    status: z.enum(TASK_STATUS),
    waiting_on: waitingOn.nullable(),
    priority: z.int(),
    tags: z.array(z.string()).readonly(),
    by: ByView.nullable().openapi({ description: "Who submitted it, or what made it start" }),
    created_at: time,
    started_at: time.nullable(),
    finished_at: time.nullable(),
    deadline: time.nullable(),
    error: errorView.nullable(),
    budget: z
      .object({
        limits: z.object({ ...amounts, duration_ms: z.int().optional() }),
        reserved: z.object(amounts),
        spent: z.object(amounts),
        remaining: z.object(amounts),
        on_exhausted: z.enum(BUDGET_ACTIONS),
      })
      .optional(),
    partial: z.literal(true).optional().openapi({ description: "It completed with what it had when its budget was exhausted" }),
    ending: z
      .enum(["failed", "canceled", "timed_out"])
      .optional()
      .openapi({ description: "It must end so, and is undoing what it has done" }),
    compensations: z
      .array(z.object({ step_id: z.string(), status: z.enum(["running", "completed", "failed"]), error: errorView.nullable() }))
      .readonly()
      .optional()
      .openapi({ description: "Steps that were undone, in that order" }),
    parent: z.object({ task_id: z.string(), step_id: z.string() }).optional(),
    scheduled_by: z
      .object({ schedule: z.string(), at: time })
      .optional()
      .openapi({ description: "The schedule that started it, and the time that it is for; expressions read `task.scheduled_at`" }),
    forked_from: z
      .object({ task_id: z.string(), seq: z.int(), retry: z.boolean() })
      .optional()
      .openapi({ description: "The task whose past it shares, up to which of its events" }),
    imported_from: z.string().optional().openapi({ description: "The id that it had where it ran" }),
    chained_from: z.string().optional().openapi({ description: "The task whose end started this one" }),
    chained: z
      .array(z.object({ workflow: z.string(), task_id: z.string().nullable(), error: errorView.nullable() }))
      .readonly()
      .optional()
      .openapi({ description: "What was started when this one had ended" }),
  })
  .openapi("TaskStatus");

export const stepView = z
  .object({
    id: z.string().openapi({ description: "Its id, after those of the steps it is inside of: `each[3]/fetch`" }),
    type: z.enum(STEP_KINDS),
    status: z.enum(STEP_STATUS),
    attempts: z.int(),
    agent: z.string().nullable(),
    started_at: time.nullable(),
    finished_at: time.nullable(),
    error: errorView.nullable(),
    why: z.string().optional().openapi({ description: "Why this agent, in a sentence" }),
    receipt: receipt.optional(),
    earlier: z
      .array(
        z.object({
          attempt: z.int(),
          agent: z.string(),
          end: z.enum(["failed", "canceled", "declined"]),
          at: time,
          code: z.string(),
          message: z.string(),
        }),
      )
      .readonly()
      .optional()
      .openapi({ description: "Attempts that brought nothing, the last ones" }),
    live: z
      .array(
        z.object({
          attempt: z.int(),
          agent: z.string(),
          status: z.enum(["in_line", "sent", "claimed"]),
          way: z.enum(["inline", "queue", "pull"]).nullable(),
          hedge: z.literal(true).optional(),
          since: time,
          lease_until: time.optional(),
        }),
      )
      .readonly()
      .optional(),
    waiting_on: waitingOn.optional(),
    branches: z
      .object({ total: z.int().nullable(), running: z.int(), completed: z.int(), failed: z.int() })
      .optional()
      .openapi({ description: "Its items, iterations or cases" }),
    task_id: z.string().optional().openapi({ description: "The task that it has started" }),
    approval: z
      .object({
        id: z.string(),
        title: z.string(),
        assignees: z.array(z.string()).readonly(),
        due_at: time.nullable(),
        decisions: Decisions,
      })
      .optional(),
    reason: z.string().optional(),
    kept: z.literal(true).optional().openapi({ description: "It had completed already in the task whose past this one shares" }),
    cached: z
      .object({ task_id: z.string(), made_at: time })
      .optional()
      .openapi({ description: "The result was made before, for that task" }),
    degraded: errorView.optional().openapi({ description: "It has less than was asked for, because of this" }),
  })
  .openapi("Step");

export const stepDetail = stepView
  .extend({
    output: z.unknown().optional(),
    selections: z
      .array(z.object({ attempt: z.int(), agent: z.string(), why: z.string(), receipt }))
      .readonly()
      .optional()
      .openapi({ description: "Every choice of an agent, in order" }),
  })
  .openapi("StepDetail");

export const taskView = taskHead.extend({ steps: z.array(stepView).readonly(), steps_total: z.int().optional() }).openapi("Task");

const result = {
  status: z.enum(TASK_STATUS),
  output: z.unknown(),
  error: errorView.nullable(),
  degraded: z.array(errorView).readonly().optional(),
  partial: z.literal(true).optional(),
};
export const taskResult = z.object(result).openapi("TaskResult");

/** What `wait` answers when the task has ended. */
export const endedTask = z.object({ id: z.string(), ...result }).openapi("EndedTask");

export const eventView = z
  .object({
    seq: z.int(),
    at: time,
    type: z.string(),
    step_id: z.string().optional(),
    by: ByView.optional(),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("Event");
