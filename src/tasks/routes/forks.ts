/** `POST /tasks/{id}/retry` and `/fork`: a new task that shares the past of another. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { LIMITS } from "../limits.ts";
import { forkTask, retryTask } from "../operations/fork.ts";
import type { Request } from "../operations/submit.ts";
import type { Submitted } from "../messages.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import { forkBody } from "./fork-schemas.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { idempotencyHeader, requestOf } from "./submissions.ts";
import { TaskHead } from "../views/view.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ id: z.string() });

const retryRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/retry",
  operationId: "retryTask",
  summary: "Try a task again",
  description:
    "A new task that keeps what had completed and does the rest: what had failed, and what came after. For tasks that have ended and not completed.",
  access: retryTask.scope,
  request: { params, headers: idempotencyHeader, body: { content: { "application/json": { schema: z.strictObject({}) } } } },
  responses: { 202: json(TaskHead, "The new task; `forked_from` names the other one") },
});

const forkRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/fork",
  operationId: "forkTask",
  summary: "Go another way from a point of a task",
  description:
    "A new task that shares the past of another up to a step or an event, with another input, outputs or definition. What is kept is not done again, whatever it would come to now.",
  access: forkTask.scope,
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, headers: idempotencyHeader, body: { content: { "application/json": { schema: forkBody } } } },
  responses: { 202: json(TaskHead, "The new task; `forked_from` names the other one") },
});

export const forkRoutes = createRouter<TaskServices>()
  .openapi(retryRoute, async (c) => {
    const request = requestOf(c, c.req.valid("header")["idempotency-key"], 0);
    return c.json(answered(c, await retryTask(c.var.principal, c.var.services, c.req.valid("param").id, request), request), 202);
  })
  .openapi(forkRoute, async (c) => {
    const request = requestOf(c, c.req.valid("header")["idempotency-key"], 0);
    const forked = await forkTask(c.var.principal, c.var.services, c.req.valid("param").id, c.req.valid("json"), request);
    return c.json(answered(c, forked, request), 202);
  });

function answered(c: Context<Api<TaskServices>>, result: Result<Submitted, Rejection>, { idempotencyKey }: Request): TaskHead {
  const { head, isReplay, isExisting } = accepted(result);
  if (isReplay && idempotencyKey !== null) c.header("Idempotent-Replayed", "true");
  if (isExisting) c.header("Existing-Task", "true");
  c.header("Location", `/api/v1/tasks/${head.id}`);
  return head;
}
