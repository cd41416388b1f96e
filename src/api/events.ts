/** `/tasks/{id}/events`: one journal, read as a page, as server-sent events or over a WebSocket. */
import { z } from "@hono/zod-openapi";
import type { EventView } from "../engine/event-view.ts";
import { rejection } from "../shared/errors.ts";
import { LIMITS } from "../shared/limits.ts";
import type { TaskReading } from "../task/reading.ts";
import { EVENTS_PROTOCOL } from "./credentials.ts";
import { follow } from "./follow.ts";
import { page, pageOf, pageQuery, readCursor } from "./page.ts";
import { Refused } from "./problem.ts";
import { createRouter, defineRoute } from "./route.ts";
import { eventStream } from "./sse.ts";
import { eventView } from "./task-schemas.ts";
import { found } from "./tasks.ts";

const sequence = z.coerce.number().int().min(0);

const eventsRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/events",
  summary: "Read a task's events",
  description:
    "A page of the journal; with `Accept: text/event-stream` the past events and then every new one until the task ends (`Last-Event-ID` or `?after=` continues after a sequence number); with `Upgrade: websocket` the same as messages.",
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
      content: { "application/json": { schema: pageOf(eventView) }, "text/event-stream": { schema: z.string() } },
    },
  },
});

export const eventRoutes = createRouter().openapi(eventsRoute, async (c) => {
  const { id } = c.req.valid("param");
  const { limit, cursor, after: queried } = c.req.valid("query");
  const after = c.req.valid("header")["last-event-id"] ?? queried ?? 0;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;

  if (c.req.header("upgrade")?.toLowerCase() === "websocket") {
    const response = await tasks.read(tenant, id, async (task) => socketOf(await task.fetch(`https://task/?after=${after}`, { headers: { upgrade: "websocket" } }), c.req.header("sec-websocket-protocol")), archivedSocket(after));
    return found(response, id) as never;
  }
  if (c.req.header("accept")?.includes("text/event-stream")) {
    const stop = new AbortController();
    const live = () => tasks.read(tenant, id, async (task) => ((await task.head()) === null ? null : follow(() => tasks.stub(tenant, id), after, stop.signal)), (reading) => archivedEvents(reading, after));
    return eventStream(found(await live(), id), stop) as never;
  }
  const from = readCursor(cursor, z.int().min(0)) ?? after;
  const events = await tasks.read(tenant, id, (task) => task.events(from, limit + 1), (reading) => reading.events(from, limit + 1));
  return c.json(page(found(events, id), limit, (event) => event.seq), 200) as never;
});

/** The object's socket goes straight to the caller, who from then on talks to the object alone. */
function socketOf(response: Response, protocols: string | undefined): Response | null {
  if (response.status === 404) return null;
  if (response.webSocket === null) throw new Refused(rejection("unavailable", "The task has too many live readers", { retryAfterMs: 5_000 }));
  return upgraded(response.webSocket, protocols);
}

function upgraded(webSocket: WebSocket, protocols: string | undefined): Response {
  const offered = protocols?.split(",").map((protocol) => protocol.trim()) ?? [];
  const headers = offered.includes(EVENTS_PROTOCOL) ? { "sec-websocket-protocol": EVENTS_PROTOCOL } : {};
  return new Response(null, { status: 101, webSocket, headers });
}

function archivedSocket(after: number): (reading: TaskReading) => Response {
  return (reading) => {
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    for (const event of allEvents(reading, after)) server.send(JSON.stringify(event));
    server.close(1000, "ended");
    return upgraded(client, undefined);
  };
}

async function* archivedEvents(reading: TaskReading, after: number): AsyncGenerator<EventView> {
  yield* allEvents(reading, after);
}

function* allEvents(reading: TaskReading, after: number): Iterable<EventView> {
  for (let position = after; ; ) {
    const events = reading.events(position, LIMITS.pageSize);
    yield* events;
    const last = events.at(-1);
    if (last === undefined) return;
    position = last.seq;
  }
}
