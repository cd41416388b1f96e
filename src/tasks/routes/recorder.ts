/** The flight recorder: two tasks side by side, a task as a file, a task played again. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Json } from "../../shared/json.ts";
import { bytesToJson } from "../../shared/json-bytes.ts";
import { assert } from "../../shared/result.ts";
import type { TaskSummary } from "../recorder/task-summary.ts";
import { linesIn, type JournalHeader } from "../recorder/journal-file.ts";
import { recorded, type RecorderQuestion } from "../recorder/recorder.ts";
import { diffOf } from "../recorder/task-diff.ts";
import { accepted } from "../../http/problem.ts";
import { pulledBody } from "../../http/pulled-body.ts";
import { playedAgain, taskDiff } from "./recorder-schemas.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { found } from "./tasks.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ id: z.string() });

const diffRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/diff",
  operationId: "diffTasks",
  summary: "Compare two tasks",
  description: "What differs between this task and another, from this one to the other; times alone are no difference.",
  access: "tasks:read",
  request: { params, query: z.strictObject({ with: z.string() }) },
  responses: { 200: json(taskDiff, "The differences") },
});

const exportRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/export",
  operationId: "exportTask",
  summary: "Take a task elsewhere",
  description:
    "NDJSON: a header, then every event with its values, as far as the task has come. It can be imported by another service, or played again offline.",
  access: "tasks:read",
  request: { params },
  responses: { 200: { description: "The task's journal", content: { "application/x-ndjson": { schema: z.string() } } } },
});

const replayRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/replay",
  operationId: "replayTask",
  summary: "Play a task again",
  description:
    "Offline: its journal goes through the present engine, nobody is called, and nothing changes. Tells where the two part, if they do.",
  access: "tasks:read",
  request: { params, body: { content: { "application/json": { schema: z.strictObject({}) } } } },
  responses: { 200: json(playedAgain, "Whether the engine comes to the same") },
});

export const recorderRoutes = createRouter<TaskServices>()
  .openapi(diffRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { with: other } = c.req.valid("query");
    const [one, two] = await Promise.all([ask(c, id, { type: "portrait" }), ask(c, other, { type: "portrait" })]);
    return c.json(diffOf(one as unknown as TaskSummary, two as unknown as TaskSummary) as z.infer<typeof taskDiff>, 200);
  })
  .openapi(replayRoute, async (c) =>
    c.json((await ask(c, c.req.valid("param").id, { type: "replay" })) as unknown as z.infer<typeof playedAgain>, 200),
  )
  .openapi(exportRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { tasks } = c.var.services;
    const { tenant } = c.var.principal;
    const pages = found(
      await tasks.read<AsyncGenerator<Uint8Array>>(
        tenant,
        id,
        async (task) => {
          const header = await task.recorded({ type: "header" });
          if (header === null) return null;
          return fileOf(accepted(header), async (after, last) => {
            const page = await tasks.ask(tenant, id, (again) => again.recorded({ type: "page", after, last }));
            return accepted(found(page, id));
          });
        },
        (reading) =>
          reading.of((loaded, source) => {
            const answer = (question: RecorderQuestion) => accepted(recorded(loaded, source, question));
            return fileOf(answer({ type: "header" }), async (after, last) => answer({ type: "page", after, last }));
          }),
      ),
      id,
    );
    const headers = { "content-type": "application/x-ndjson", "content-disposition": `attachment; filename="${id}.ndjson"` };
    // The framework's types know JSON and text alone.
    return c.body(pulledBody(pages), 200, headers) as never;
  });

/** The lines of the file, some at a time. */
async function* fileOf(header: Uint8Array, page: (after: number, last: number) => Promise<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { events } = bytesToJson(header) as unknown as JournalHeader;
  yield header;
  yield NEWLINE;
  for (let after = 0; after < events;) {
    const lines = await page(after, events);
    assert(lines.byteLength > 0, "a journal ends before its last event");
    after += linesIn(lines);
    yield lines;
  }
}

const NEWLINE = new Uint8Array([0x0a]);

async function ask(c: Context<Api<TaskServices>>, id: string, question: RecorderQuestion): Promise<Json> {
  return bytesToJson(accepted(found(await c.var.services.tasks.recorded(c.var.principal.tenant, id, question), id)));
}
