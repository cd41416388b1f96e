/** `POST /tasks/{id}/retry` and `/fork`: a new task that shares the past of another. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { TaskHead } from "../views/view.ts";
import { LIMITS } from "../limits.ts";
import { forkTask } from "../submission/fork.ts";
import { forkBody, type ForkBody } from "./fork-schemas.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { idempotencyHeader, submitContext } from "./submissions.ts";
import { taskHead } from "./task-schemas.ts";
import { found } from "./tasks.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ id: z.string() });

const retryRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/retry",
  operationId: "retryTask",
  summary: "Try a task again",
  description:
    "A new task that keeps what had completed and does the rest: what had failed, and what came after. For tasks that have ended and not completed.",
  access: "tasks:write",
  request: { params, headers: idempotencyHeader, body: { content: { "application/json": { schema: z.strictObject({}) } } } },
  responses: { 202: json(taskHead, "The new task; `forked_from` names the other one") },
});

const forkRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/fork",
  operationId: "forkTask",
  summary: "Go another way from a point of a task",
  description:
    "A new task that shares the past of another up to a step or an event, with another input, outputs or definition. What is kept is not done again, whatever it would come to now.",
  access: "tasks:write",
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, headers: idempotencyHeader, body: { content: { "application/json": { schema: forkBody } } } },
  responses: { 202: json(taskHead, "The new task; `forked_from` names the other one") },
});

export const forkRoutes = createRouter<TaskServices>()
  .openapi(retryRoute, async (c) =>
    c.json(await fork(c, c.req.valid("param").id, {}, true, c.req.valid("header")["idempotency-key"] ?? null), 202),
  )
  .openapi(forkRoute, async (c) =>
    c.json(await fork(c, c.req.valid("param").id, c.req.valid("json"), false, c.req.valid("header")["idempotency-key"] ?? null), 202),
  );

async function fork(c: Context<Api<TaskServices>>, id: string, body: ForkBody, isRetry: boolean, key: string | null): Promise<TaskHead> {
  const { head, isReplay, isExisting } = accepted(found(await forkTask(id, body, isRetry, submitContext(c, key, 0)), id));
  if (isReplay && key !== null) c.header("Idempotent-Replayed", "true");
  if (isExisting) c.header("Existing-Task", "true");
  c.header("Location", `/api/v1/tasks/${head.id}`);
  return head;
}
