/** `/tasks/{id}/signals/{name}`: tells a task something that a step of it waits for, or will. */
import { z } from "@hono/zod-openapi";
import { identifier } from "../../language/definition-words.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { sendSignal } from "../operations/steering.ts";
import { TaskHead } from "../views/view.ts";
import type { TaskServices } from "../services.ts";

const signalRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/signals/{name}",
  operationId: "sendSignal",
  summary: "Send a signal",
  description:
    "A step that waits for it takes it at once; one that comes early is kept for its step. 409 when no step can ever receive it. With an `Idempotency-Key` it counts once; another signal under the same key is refused.",
  access: sendSignal.scope,
  maxBodyBytes: LIMITS.signalBytes,
  request: {
    params: z.object({ id: z.string(), name: identifier }),
    headers: z.object({ "idempotency-key": z.string().min(1).max(LIMITS.idempotencyKeyLength).optional() }),
    body: { content: { "application/json": { schema: z.strictObject({ payload: z.unknown().optional() }) } } },
  },
  responses: { 202: json(TaskHead, "The task") },
});

export const signalRoutes = createRouter<TaskServices>().openapi(signalRoute, async (c) => {
  const { id, name } = c.req.valid("param");
  // A request that got lost on the way to the task and is sent again there counts once as well.
  const keys = { key: c.req.valid("header")["idempotency-key"] ?? null, request: c.get("requestId") };
  const payload = (c.req.valid("json").payload ?? null) as Json;
  return c.json(accepted(await sendSignal(c.var.principal, c.var.services, id, { name, payload, ...keys })), 202);
});
