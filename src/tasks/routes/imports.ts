/** `POST /tasks/import`: a task that ran elsewhere, to be read here like those that ran here. */
import { z } from "@hono/zod-openapi";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { importedId, importedTask } from "../recorder/imported-task.ts";
import { readJournal, type WrongLine } from "../recorder/journal-import.ts";
import { Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { taskHead } from "./task-schemas.ts";
import type { TaskServices } from "../services.ts";

const importRoute = defineRoute({
  method: "post",
  path: "/tasks/import",
  operationId: "importTask",
  summary: "Import a task that ran elsewhere",
  description:
    "The file that `/tasks/{id}/export` gives, of a task that has ended. Every event is checked; the first that cannot be one is named. The task is kept as history, under an id of its own; the same file again is the same task.",
  access: "tasks:write",
  maxBodyBytes: LIMITS.importBytes,
  request: { body: { required: true, content: { "application/x-ndjson": { schema: z.string() } } } },
  responses: { 200: json(taskHead, "It was imported before"), 201: json(taskHead, "The task") },
});

export const importRoutes = createRouter<TaskServices>().openapi(importRoute, async (c) => {
  const { services, principal } = c.var;
  const { tenant } = principal;
  const journal = readJournal(await c.req.text());
  if (!journal.ok) throw new Refused(refusalOf(journal.error));
  if (!journal.value.hasEnded) {
    const { events } = journal.value;
    throw new Refused(refusalOf({ line: events + 1, seq: events, message: "the task has not ended; only what has can be imported" }));
  }
  const before = await services.history.find(tenant, importedId(tenant, journal.value));
  const imported = importedTask(tenant, journal.value, Date.now());
  const headBytes = Buffer.byteLength(JSON.stringify(imported.row.head));
  if (headBytes > LIMITS.rowBytes)
    throw new Refused(rejection("limit_reached", `The task without its steps has ${headBytes} bytes; a row takes ${LIMITS.rowBytes}`));
  if (before === null) await services.archive.importTask(imported.row, imported.parts);
  const { head } = before ?? imported.row;
  c.header("Location", `/api/v1/tasks/${head.id}`);
  return c.json(head, before === null ? 201 : 200);
});

function refusalOf({ line, seq, message }: WrongLine): Rejection {
  const place = seq === null ? `Line ${line}` : `Line ${line}, event ${seq}`;
  return rejection("invalid_journal", `${place}: ${message}`, { facts: { line, ...(seq !== null && { seq }) } });
}
