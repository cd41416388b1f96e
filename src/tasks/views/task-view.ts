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

/** Where a value is that its reader takes in chunks, as JSON in UTF-8. */
export interface LargeValue {
  readonly payload: number;
  readonly bytes: number;
  /** When its task was created: another one may come under the same id. */
  readonly life: number;
}

/** What is read may be too large for one answer: then `output` is `null`, and `large` says where it is. */
export interface Apart {
  readonly large?: LargeValue;
}

/** A result whose value is kept no longer has `expired`. */
export type ResultReading = (TaskResult & Apart) | { readonly expired: true };
