/** `POST /tasks/import`: a task that ran elsewhere, to be read here like those that ran here. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import { importTask } from "../operations/import.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { TaskHead } from "../views/view.ts";
import type { TaskServices } from "../services.ts";

const importRoute = defineRoute({
  method: "post",
  path: "/tasks/import",
  operationId: "importTask",
  summary: "Import a task that ran elsewhere",
  description:
    "The file that `/tasks/{id}/export` gives, of a task that has ended. Every event is checked; the first that cannot be one is named. The task is kept as history, under an id of its own; the same file again is the same task.",
  access: importTask.scope,
  maxBodyBytes: LIMITS.importBytes,
  request: { body: { required: true, content: { "application/x-ndjson": { schema: z.string() } } } },
  responses: { 200: json(TaskHead, "It was imported before"), 201: json(TaskHead, "The task") },
});

export const importRoutes = createRouter<TaskServices>().openapi(importRoute, async (c) => {
  const { head, isNew } = accepted(await importTask(c.var.principal, c.var.services, await c.req.text()));
  c.header("Location", `/api/v1/tasks/${head.id}`);
  return c.json(head, isNew ? 201 : 200);
});
