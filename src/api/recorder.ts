/** `/tasks/{id}/diff`: two tasks side by side. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Json } from "../shared/json.ts";
import type { Portrait } from "../task/portrait.ts";
import type { RecorderQuestion } from "../task/recorder.ts";
import { diffOf } from "../task/task-diff.ts";
import { accepted } from "./problem.ts";
import { taskDiff } from "./recorder-schemas.ts";
import { createRouter, defineRoute, json, type Api } from "./route.ts";
import { found } from "./tasks.ts";

const params = z.object({ id: z.string() });

const diffRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/diff",
  summary: "Compare two tasks",
  description: "What differs between this task and another, from this one to the other; times alone are no difference.",
  access: "tasks:read",
  request: { params, query: z.strictObject({ with: z.string() }) },
  responses: { 200: json(taskDiff, "The differences") },
});

export const recorderRoutes = createRouter().openapi(diffRoute, async (c) => {
  const { id } = c.req.valid("param");
  const { with: other } = c.req.valid("query");
  const [one, two] = await Promise.all([ask(c, id, { type: "portrait" }), ask(c, other, { type: "portrait" })]);
  return c.json(diffOf(one as unknown as Portrait, two as unknown as Portrait) as z.infer<typeof taskDiff>, 200);
});

async function ask(c: Context<Api>, id: string, question: RecorderQuestion): Promise<Json> {
  return accepted(found(await c.var.services.tasks.recorded(c.var.principal.tenant, id, question), id));
}
