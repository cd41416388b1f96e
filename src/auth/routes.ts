/** `/keys`: API keys of a tenant. */
import { z } from "@hono/zod-openapi";
import type { ApiKey } from "./keys.ts";
import { createKey, revokeKey } from "./operations.ts";
import { ROLES } from "../shared/scopes.ts";
import { identifier, positiveDuration } from "../language/definition-words.ts";
import { LIMITS } from "./limits.ts";
import { durationMs, isoTime } from "../shared/time.ts";
import { registeredBy } from "../http/by.ts";
import { page, pageOf, pageQuery, readCursor } from "../http/page.ts";
import { accepted } from "../http/problem.ts";
import { createRouter, defineRoute } from "../http/route.ts";
import type { KeyServices } from "./services.ts";

const time = z.iso.datetime();
const key = z
  .object({
    id: z.string(),
    tenant: z.string(),
    name: z.string(),
    prefix: z.string().openapi({ description: "The first characters of the key, to recognise it by" }),
    roles: z.array(z.enum(ROLES)).readonly(),
    agent: z.string().nullable().openapi({ description: "The only agent that it speaks for" }),
    created_at: time,
    expires_at: time.nullable(),
    revoked_at: time.nullable(),
    ...registeredBy,
  })
  .openapi("Key");

const createRoute = defineRoute({
  method: "post",
  path: "/keys",
  operationId: "createKey",
  summary: "Make an API key",
  description: "The key itself is in this answer and nowhere else. Only the root key may name another tenant.",
  access: createKey.scope,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              name: z.string().min(1).max(LIMITS.nameLength),
              tenant: z
                .string()
                .max(63, { abort: true, error: "expected lower-case letters, digits and hyphens, at most 63" })
                .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "expected lower-case letters, digits and hyphens, at most 63")
                .optional(),
              roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
              agent: identifier.optional().openapi({ description: 'With the role "agent": the one that the key is for' }),
              expires_in: positiveDuration.optional(),
            })
            .refine(
              ({ roles, agent }) => roles.includes("agent") === (agent !== undefined) && (agent === undefined || roles.length === 1),
              {
                message: 'a key of an agent has the role "agent" alone and names the agent',
                path: ["agent"],
              },
            ),
        },
      },
    },
  },
  responses: { 201: { description: "The key", content: { "application/json": { schema: key.extend({ key: z.string() }) } } } },
});
const listRoute = defineRoute({
  method: "get",
  path: "/keys",
  operationId: "listKeys",
  summary: "List API keys",
  description: "Without the keys themselves, which are kept as hashes.",
  access: "keys:read",
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: { description: "A page of keys", content: { "application/json": { schema: pageOf(key) } } } },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/keys/{id}",
  operationId: "revokeKey",
  summary: "Revoke an API key",
  description: "Felt everywhere within 60 s.",
  access: revokeKey.scope,
  request: { params: z.object({ id: z.string() }) },
  responses: { 204: { description: "Revoked" } },
});

export const keyRoutes = createRouter<KeyServices>()
  .openapi(createRoute, async (c) => {
    const { principal, services } = c.var;
    const { agent = null, expires_in, ...given } = c.req.valid("json");
    const expiresAt = expires_in === undefined ? null : Date.now() + durationMs(expires_in);
    const made = accepted(await createKey(principal, services, { ...given, agent, expiresAt }));
    return c.json({ ...view(made), key: made.key }, 201);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const keys = await c.var.services.keys.list(c.var.principal.tenant, readCursor(c, cursor, z.string()), limit + 1);
    return c.json(
      page(c, keys.map(view), limit, (listed) => listed.id),
      200,
    );
  })
  .openapi(deleteRoute, async (c) => {
    accepted(await revokeKey(c.var.principal, c.var.services, c.req.valid("param").id));
    return c.body(null, 204);
  });

function view({ id, tenant, name, prefix, roles, agent, createdAt, expiresAt, revokedAt, createdBy, updatedBy }: ApiKey) {
  const timeOrNull = (at: number | null): string | null => (at === null ? null : isoTime(at));
  return {
    id,
    tenant,
    name,
    prefix,
    roles,
    agent,
    created_at: isoTime(createdAt),
    expires_at: timeOrNull(expiresAt),
    revoked_at: timeOrNull(revokedAt),
    created_by: createdBy,
    updated_by: updatedBy,
  };
}
