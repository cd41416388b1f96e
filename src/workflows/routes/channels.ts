/** `/workflows/{name}/channels`: names for versions that can be moved. */
import { z } from "@hono/zod-openapi";
import { identifier } from "../../language/definition-words.ts";
import { isoTime } from "../../shared/time.ts";
import { isChannelName } from "../../language/workflow-reference.ts";
import type { Channel } from "../channels.ts";
import { deleteChannel, noWorkflow, setChannel } from "../operations.ts";
import { registeredBy } from "../../http/by.ts";
import { etag, expectedRevision } from "../../http/etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import type { WorkflowServices } from "../services.ts";

export const channel = z
  .object({
    channel: z.string(),
    version: z.int(),
    percent: z.number().nullable().openapi({ description: "Its share of the starts that ask for `stable`" }),
    updated_at: z.iso.datetime(),
    ...registeredBy,
  })
  .openapi("Channel");

const target = z
  .strictObject({ version: z.int().min(1), percent: z.number().min(0).max(100).optional() })
  .openapi("ChannelTarget", { example: { version: 4, percent: 10 } });

const params = z.object({ name: z.string(), channel: z.string() });

const setRoute = defineRoute({
  method: "put",
  path: "/workflows/{name}/channels/{channel}",
  operationId: "putChannel",
  summary: "Point a channel to a version",
  description:
    "The channel with a `percent` (one at most) takes that share of the starts that ask for `stable`; equal idempotency keys go the same way. The ETag is that of all channels of the workflow.",
  access: setChannel.scope,
  request: {
    params: z.object({
      name: identifier,
      channel: identifier.refine(isChannelName, '"latest" and digits alone already name versions; choose another name'),
    }),
    body: { required: true, content: { "application/json": { schema: target } } },
  },
  responses: { 200: json(channel, "The channel"), 201: json(channel, "The new channel") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/workflows/{name}/channels",
  operationId: "listChannels",
  summary: "List a workflow's channels",
  description: "With the version that each points to.",
  access: "workflows:read",
  request: { params: z.object({ name: z.string() }), query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(channel), "Channels in the order of their names; the ETag is that of all of them") },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/workflows/{name}/channels/{channel}",
  operationId: "deleteChannel",
  summary: "Delete a channel",
  description: "Tasks under way keep the version they began with.",
  access: deleteChannel.scope,
  request: { params },
  responses: { 204: { description: "Deleted" } },
});

export const channelRoutes = createRouter<WorkflowServices>()
  .openapi(setRoute, async (c) => {
    const { name, channel } = c.req.valid("param");
    const { version, percent } = c.req.valid("json");
    const change = { channel, version, ...(percent !== undefined && { percent }) };
    const set = accepted(await setChannel(c.var.principal, c.var.services, name, change, expectedRevision(c)));
    c.header("ETag", etag(set.revision));
    return c.json(channelView(set.channel), set.isNew ? 201 : 200);
  })
  .openapi(listRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { limit, cursor } = c.req.valid("query");
    const after = readCursor(c, cursor, z.string());
    const set = await c.var.services.channels.read(c.var.principal.tenant, name);
    if (set === null) throw new Refused(noWorkflow(name));
    const rest = set.channels.filter((candidate) => after === null || candidate.channel > after);
    c.header("ETag", etag(set.revision));
    return c.json(
      page(c, rest.slice(0, limit + 1).map(channelView), limit, (listed) => listed.channel),
      200,
    );
  })
  .openapi(deleteRoute, async (c) => {
    const { name, channel } = c.req.valid("param");
    accepted(await deleteChannel(c.var.principal, c.var.services, name, channel, expectedRevision(c)));
    return c.body(null, 204);
  });

export function channelView({ channel, version, percent, updatedAt, createdBy, updatedBy }: Channel) {
  return {
    channel,
    version,
    percent: percent ?? null,
    updated_at: isoTime(updatedAt),
    created_by: createdBy ?? null,
    updated_by: updatedBy ?? null,
  };
}
