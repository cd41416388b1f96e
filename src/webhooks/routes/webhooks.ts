/** `/webhooks`: endpoints that are told when tasks end, and what became of telling them. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { rejection } from "../../shared/errors.ts";
import { derivedId } from "../../shared/ids.ts";
import { DELIVERY_STATUS, type NewDelivery } from "../delivery.ts";
import { TEST_EVENT } from "../events.ts";
import { testMessage } from "../message.ts";
import { changeWebhook, deleteWebhook, noWebhook, registerWebhook, rotateWebhook } from "../operations.ts";
import type { WebhookContract } from "../webhook-contract.ts";
import type { WebhookRecord } from "../webhook.ts";
import { etag, expectedRevision, requiredRevision } from "../../http/etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import {
  acceptedDelivery,
  delivery,
  deliveryBody,
  newWebhook,
  webhook,
  webhookBody,
  webhookChange,
  webhookDetail,
  webhookDetailBody,
} from "./webhook-schemas.ts";
import type { WebhookServices } from "../services.ts";

const params = z.object({ id: z.string() });

const postRoute = defineRoute({
  method: "post",
  path: "/webhooks",
  operationId: "createWebhook",
  summary: "Register a webhook",
  description: "It is told of tasks that end from now on; every part of the service knows it within ten seconds.",
  access: registerWebhook.scope,
  request: { body: { required: true, content: { "application/json": { schema: newWebhook } } } },
  responses: { 201: json(webhook, "The webhook") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/webhooks",
  operationId: "listWebhooks",
  summary: "List webhooks",
  description: "Without their secrets.",
  access: "webhooks:read",
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(webhook), "Registered ones, then those that came with tasks") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/webhooks/{id}",
  operationId: "getWebhook",
  summary: "Read a webhook and how it does",
  description: "With how many deliveries wait, and what went wrong last.",
  access: "webhooks:read",
  request: { params },
  responses: { 200: json(webhookDetail, "The webhook") },
});
const patchRoute = defineRoute({
  method: "patch",
  path: "/webhooks/{id}",
  operationId: "updateWebhook",
  summary: "Change, disable or enable a webhook",
  description:
    "Needs `If-Match`. While it is disabled it is told nothing; what was on its way goes on when it is enabled again, which also clears what disabled it.",
  access: changeWebhook.scope,
  request: { params, body: { required: true, content: { "application/json": { schema: webhookChange } } } },
  responses: { 200: json(webhook, "The webhook") },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/webhooks/{id}",
  operationId: "deleteWebhook",
  summary: "Delete a webhook with its deliveries",
  description: "What waits to be told to it is dropped.",
  access: deleteWebhook.scope,
  request: { params },
  responses: { 204: { description: "Deleted" } },
});
const rotateRoute = defineRoute({
  method: "post",
  path: "/webhooks/{id}/rotate",
  operationId: "rotateWebhookSecret",
  summary: "Replace a webhook's secret",
  description: "The new one is in this answer and nowhere else. The old one signs beside it for 24 hours.",
  access: rotateWebhook.scope,
  request: { params },
  responses: { 200: json(webhook, "The webhook with its new secret") },
});
const deliveriesRoute = defineRoute({
  method: "get",
  path: "/webhooks/{id}/deliveries",
  operationId: "listDeliveries",
  summary: "List a webhook's deliveries with their tries",
  description: "Newest first.",
  access: "webhooks:read",
  request: { params, query: z.strictObject({ ...pageQuery, status: z.enum(DELIVERY_STATUS).optional() }) },
  responses: { 200: json(pageOf(delivery), "Deliveries, newest first") },
});
const redeliverRoute = defineRoute({
  method: "post",
  path: "/webhooks/{id}/deliveries/{delivery}/redeliver",
  operationId: "redeliver",
  summary: "Send a delivery again, now",
  description: "The same body under the same id, with all its tries before it; 409 while it is just being sent.",
  access: "webhooks:write",
  request: { params: z.object({ id: z.string(), delivery: z.string() }) },
  responses: { 202: json(acceptedDelivery, "It is being sent") },
});
const testRoute = defineRoute({
  method: "post",
  path: "/webhooks/{id}/test",
  operationId: "testWebhook",
  summary: "Send a test event",
  description: "`webhook.test`, once; what came of it is in the deliveries.",
  access: "webhooks:write",
  request: { params },
  responses: { 202: json(acceptedDelivery, "It is being sent") },
});

export const webhookRoutes = createRouter<WebhookServices>()
  .openapi(postRoute, async (c) => {
    const made = accepted(await registerWebhook(c.var.principal, c.var.services, c.req.valid("json")));
    c.header("Location", `/api/v1/webhooks/${made.record.id}`);
    c.header("ETag", etag(made.record.revision));
    return c.json(webhookBody(made), 201);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const after = readCursor(c, cursor, z.tuple([z.boolean(), z.string()]));
    const records = await c.var.services.webhookRegistry.list(c.var.principal.tenant, after, limit + 1);
    return c.json(
      page(
        c,
        records.map((record) => webhookBody({ record })),
        limit,
        (listed) => [listed.ad_hoc, listed.id],
      ),
      200,
    );
  })
  .openapi(readRoute, async (c) => {
    const record = await recordOf(c, c.req.valid("param").id);
    c.header("ETag", etag(record.revision));
    return c.json(webhookDetailBody(record, await ask(c, record.id, (object) => object.state())), 200);
  })
  .openapi(patchRoute, async (c) => {
    const { id } = c.req.valid("param");
    const changed = accepted(await changeWebhook(c.var.principal, c.var.services, id, c.req.valid("json"), requiredRevision(c)));
    c.header("ETag", etag(changed.record.revision));
    return c.json(webhookBody(changed), 200);
  })
  .openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid("param");
    accepted(await deleteWebhook(c.var.principal, c.var.services, id, expectedRevision(c)));
    return c.body(null, 204);
  })
  .openapi(rotateRoute, async (c) => {
    const { id } = c.req.valid("param");
    const rotated = accepted(await rotateWebhook(c.var.principal, c.var.services, id, expectedRevision(c)));
    c.header("ETag", etag(rotated.record.revision));
    return c.json(webhookBody(rotated), 200);
  })
  .openapi(deliveriesRoute, async (c) => {
    const { limit, cursor, status } = c.req.valid("query");
    const { id } = await recordOf(c, c.req.valid("param").id);
    const before = readCursor(c, cursor, z.int());
    const logged = await ask(c, id, (object) => object.deliveries({ status, before }, limit + 1));
    const { data, next_cursor } = page(c, logged, limit, ({ seq }) => seq);
    return c.json({ data: data.map(deliveryBody), next_cursor }, 200);
  })
  .openapi(redeliverRoute, async (c) => {
    const { id, delivery: wanted } = c.req.valid("param");
    const name = { tenant: c.var.principal.tenant, webhook: (await enabled(c, id)).id };
    const answer = await ask(c, id, (object) => object.redeliver(name, wanted));
    switch (answer) {
      case "accepted":
        return c.json({ id: wanted }, 202);
      case "under_way":
        throw new Refused(rejection("delivery_under_way", "The delivery is being sent now; see what comes of it"));
      case "unknown":
        throw new Refused(rejection("not_found", `There is no delivery "${wanted}" in the log of this webhook`));
    }
  })
  .openapi(testRoute, async (c) => {
    const { id } = await enabled(c, c.req.valid("param").id);
    const name = { tenant: c.var.principal.tenant, webhook: id };
    // Each request is a test of its own.
    const test: NewDelivery = {
      id: derivedId("delivery", name.tenant, id, c.var.requestId, TEST_EVENT),
      event: TEST_EVENT,
      task: null,
      body: testMessage(id, Date.now()),
      secret: null,
    };
    await ask(c, id, (object) => object.notify(name, test));
    return c.json({ id: test.id }, 202);
  });

async function recordOf(c: Context<Api<WebhookServices>>, id: string): Promise<WebhookRecord> {
  return found(await c.var.services.webhookRegistry.find(c.var.principal.tenant, id), id);
}

/** One that may be sent something. */
async function enabled(c: Context<Api<WebhookServices>>, id: string): Promise<WebhookRecord> {
  const record = await recordOf(c, id);
  const { status, status_reason } = webhookDetailBody(record, await ask(c, id, (object) => object.state()));
  if (status === "enabled") return record;
  throw new Refused(
    rejection("webhook_disabled", `The webhook is disabled (${status_reason}); enable it first: PATCH {"enabled": true}`, {
      facts: { webhook_status: status },
    }),
  );
}

async function ask<T>(c: Context<Api<WebhookServices>>, id: string, question: (object: WebhookContract) => Promise<T>): Promise<T> {
  return c.var.services.webhookObjects.ask({ tenant: c.var.principal.tenant, webhook: id }, question);
}

function found<T>(record: T | null, id: string): T {
  if (record === null) throw new Refused(noWebhook(id));
  return record;
}
