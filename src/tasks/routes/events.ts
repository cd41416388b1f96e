/** `/tasks/{id}/events`: one journal, read as a page, as server-sent events or over a WebSocket. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import type { TaskReading } from "../journal/task-reading.ts";
import { follow } from "../../objects/follow.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { createRouter, defineRoute } from "../../http/route.ts";
import { eventSocket, eventStream } from "../../http/live.ts";
import { EventView, isLastEvent } from "../views/event-view.ts";
import { found } from "./tasks.ts";
import type { TaskServices } from "../services.ts";

const sequence = z.coerce.number().int().min(0);

const eventsRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/events",
  operationId: "readEvents",
  summary: "Read a task's events",
  description:
    "A page of the journal; with `Accept: text/event-stream` the past events and then every new one until the task ends (`Last-Event-ID` or `?after=` continues after a sequence number); with `Upgrade: websocket` the same as messages. A browser authenticates a WebSocket by the subprotocols `orchestrator.events` and `bearer.<key>`.",
  access: "tasks:read",
  request: {
    params: z.object({ id: z.string() }),
    query: z.strictObject({ ...pageQuery, after: sequence.optional().openapi({ type: "integer" }) }),
    headers: z.object({ "last-event-id": sequence.optional().openapi({ type: "integer" }) }),
  },
  responses: {
    101: { description: "Events as WebSocket messages" },
    200: {
      description: "A page of events, or a stream of them",
      content: { "application/json": { schema: pageOf(EventView) }, "text/event-stream": { schema: z.string() } },
    },
  },
});

export const eventRoutes = createRouter<TaskServices>().openapi(eventsRoute, async (c) => {
  const { id } = c.req.valid("param");
  const { limit, cursor, after: queried } = c.req.valid("query");
  const after = c.req.valid("header")["last-event-id"] ?? queried ?? 0;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;

  const isSocket = c.req.header("upgrade")?.toLowerCase() === "websocket";
  if (isSocket || c.req.header("accept")?.includes("text/event-stream")) {
    const stop = new AbortController();
    const events = await tasks.read<AsyncGenerator<EventView>>(
      tenant,
      id,
      async (task) => ((await task.head()) === null ? null : follow(() => tasks.stub(tenant, id), isLastEvent, after, stop.signal)),
      (reading) => archivedEvents(reading, after),
    );
    if (!isSocket) return eventStream(found(events, id), stop);
    const { response, done } = eventSocket(found(events, id), stop, c.req.header("sec-websocket-protocol"));
    c.executionCtx.waitUntil(done);
    return response;
  }
  const from = readCursor(cursor, z.int().min(0)) ?? after;
  const events = await tasks.read(
    tenant,
    id,
    (task) => task.events(from, limit + 1),
    (reading) => reading.events(from, limit + 1),
  );
  return c.json(
    page(found(events, id), limit, (event) => event.seq),
    200,
  );
});

async function* archivedEvents(reading: TaskReading, after: number): AsyncGenerator<EventView> {
  for (let position = after; ;) {
    const events = reading.events(position, LIMITS.pageSize);
    yield* events;
    const last = events.at(-1);
    if (last === undefined) return;
    position = last.seq;
  }
}
