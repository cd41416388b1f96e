/** `/tasks/{id}/events`: one journal, read as a page, as server-sent events or over a WebSocket. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import type { TaskReading } from "../journal/task-reading.ts";
import { openFollowed } from "../../objects/follow.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { Refused } from "../../http/problem.ts";
import { createRouter, defineRoute } from "../../http/route.ts";
import { watchCredentials } from "../../http/standing.ts";
import { rejection } from "../../shared/errors.ts";
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
    "A page of the journal; with `Accept: text/event-stream` the past events and then every new one until the task ends (`Last-Event-ID` or `?after=` continues after a sequence number; after the last event: 204); with `Upgrade: websocket` the same as messages. A browser authenticates a WebSocket by the subprotocols `orchestrator.events` and `bearer.<key>`.",
  access: "tasks:read",
  request: {
    params: z.object({ id: z.string() }),
    query: z.strictObject({ ...pageQuery, after: sequence.optional().openapi({ type: "integer" }) }),
    headers: z.object({ "last-event-id": sequence.optional().openapi({ type: "integer" }) }),
  },
  responses: {
    101: { description: "Events as WebSocket messages" },
    204: { description: "A stream after the last event: there is nothing more to come" },
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
    const opened = await tasks.read<AsyncGenerator<EventView> | "over" | "full">(
      tenant,
      id,
      async () => {
        const feed = await openFollowed(() => tasks.stub(tenant, id), isLastEvent, after, stop.signal);
        return feed === "absent" ? null : feed;
      },
      (reading) => (after >= (reading.lastSeq() ?? Number.POSITIVE_INFINITY) ? "over" : archivedEvents(reading, after)),
    );
    const events = found(opened, id);
    if (events === "full") throw new Refused(rejection("unavailable", "The task has too many live readers", READ_AGAIN));
    // So a client that has seen the end stops asking.
    if (events === "over" && !isSocket) return c.body(null, 204);
    const live = events === "over" ? events : { events, stop, standing: watchCredentials(c) };
    if (live !== "over" && !isSocket) return eventStream(live);
    const { response, done } = eventSocket(live, c.req.header("sec-websocket-protocol"));
    c.executionCtx.waitUntil(done);
    return response;
  }
  const from = readCursor(c, cursor, z.int().min(0)) ?? after;
  const events = await tasks.read(
    tenant,
    id,
    (task) => task.events(from, limit + 1),
    (reading) => reading.events(from, limit + 1),
  );
  return c.json(
    page(c, found(events, id), limit, (event) => event.seq),
    200,
  );
});

const READ_AGAIN = { retryAfterMs: LIMITS.readAgainMs };

async function* archivedEvents(reading: TaskReading, after: number): AsyncGenerator<EventView> {
  for (let position = after; ;) {
    const events = reading.events(position, LIMITS.pageSize);
    for (const event of events) {
      yield event;
      if (isLastEvent(event)) return;
    }
    const last = events.at(-1);
    if (last === undefined) return;
    position = last.seq;
  }
}
