/** The built-in agent that does a page of a bulk order, and the workflow that asks it until there are no more. */
import { z } from "zod";
import type { WorkflowDefinition } from "../language/definition.ts";
import type { Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { order, pageOrder } from "./order.ts";
import { workPage, type BulkPorts } from "./page.ts";

export async function answerBulk(input: Json, self: string, ports: BulkPorts): Promise<Result<Json, string>> {
  const checked = pageOrder.safeParse(input);
  if (!checked.success) return err(z.prettifyError(checked.error));
  const { order: ordered, previous, stays_open } = checked.data;
  return ok(await workPage(ordered, previous, self, ports, stays_open === true, Date.now));
}

export const bulkWorkflow: WorkflowDefinition = {
  name: "bulk",
  description: "Cancels, retries or deletes all tasks that match a filter.",
  input_schema: z.toJSONSchema(order, { io: "input" }),
  steps: [
    {
      id: "pages",
      type: "repeat",
      max: LIMITS.repeatIterations,
      until: "output.next == null",
      steps: [
        {
          id: "page",
          agent: "bulk",
          input: { order: "${ input }", previous: "${ previous }", stays_open: true },
          timeout: "5m",
          retry: { max_attempts: 10, strategy: "exponential", delay: "1s", max_delay: "1m" },
        },
        {
          id: "pause",
          type: "wait",
          when: "steps.page.output.?resume_at.orValue(null) != null",
          until: "${ steps.page.output.resume_at }",
        },
      ],
      output: "${ steps.page.output }",
    },
  ],
  output: "${ steps.pages.output.progress }",
};
