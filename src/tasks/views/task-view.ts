/** A task with its steps, a step with what it came to, and how a task ended, as they are read. */
import { z } from "@hono/zod-openapi";
import { receipt } from "../../agents/routes/agent-schemas.ts";
import { StepView } from "./step-view.ts";
import { TaskHead, type TaskResult } from "./view.ts";

export const TaskView = TaskHead.extend({ steps: z.array(StepView).readonly(), steps_total: z.int().optional() }).openapi("Task");
export type TaskView = z.infer<typeof TaskView>;

export const StepDetail = StepView.extend({
  output: z.unknown().optional(),
  selections: z
    .array(z.object({ attempt: z.int(), agent: z.string(), why: z.string(), receipt }))
    .readonly()
    .optional()
    .openapi({ description: "Every choice of an agent, in order" }),
}).openapi("StepDetail");
export type StepDetail = z.infer<typeof StepDetail>;
export type SelectionView = NonNullable<StepDetail["selections"]>[number];

/** A result whose value is kept no longer has `expired`. */
export type ResultReading = TaskResult | { readonly expired: true };
