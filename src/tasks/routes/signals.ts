/** `/tasks/{id}/signals/{name}`: tells a task something that a step of it waits for, or will. */
import { z } from "@hono/zod-openapi";
import { identifier } from "../../language/definition-words.ts";
import { rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { taskHead } from "./task-schemas.ts";
import { found } from "./tasks.ts";
import type { TaskServices } from "../services.ts";

const signalRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/signals/{name}",
  operationId: "sendSignal",
  summary: "Send a signal",
  description:
    "A step that waits for it takes it at once; one that comes early is kept for its step. 409 when no step can ever receive it. With an `Idempotency-Key` it counts once.",
  access: "tasks:write",
  maxBodyBytes: LIMITS.signalBytes,
  request: {
    params: z.object({ id: z.string(), name: identifier }),
    headers: z.object({ "idempotency-key": z.string().min(1).max(LIMITS.idempotencyKeyLength).optional() }),
    body: { content: { "application/json": { schema: z.strictObject({ payload: z.unknown().optional() }) } } },
  },
  responses: { 202: json(taskHead, "The task") },
});

export const signalRoutes = createRouter<TaskServices>().openapi(signalRoute, async (c) => {
  const { id, name } = c.req.valid("param");
  // A request that got lost on the way to the task and is sent again there counts once as well.
  const key = c.req.valid("header")["idempotency-key"] ?? c.get("requestId");
  const payload = (c.req.valid("json").payload ?? null) as Json;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;
  const head = found(
    await tasks.read<Awaited<ReturnType<ReturnType<typeof tasks.stub>["signal"]>>>(
      tenant,
      id,
      (task) => task.signal(name, payload, key),
      (reading) => ({
        ok: false,
        error: rejection("signal_unexpected", "The task has ended", { facts: { task_status: reading.head().status } }),
      }),
    ),
    id,
  );
  if (head === null) throw new Refused(rejection("not_found", `There is no task "${id}"`));
  return c.json(accepted(head), 202);
});
