/** `/cache`: results that are kept, and dropping them by hand. */
import { z } from "@hono/zod-openapi";
import { identifier } from "../language/definition-words.ts";
import { LIMITS } from "./limits.ts";
import { accepted } from "../http/problem.ts";
import { createRouter, defineRoute, json } from "../http/route.ts";
import { invalidateResults } from "./operations.ts";
import type { CacheServices } from "./services.ts";

const count = z.int();
const statistics = z
  .object({
    entries: count,
    bytes: count,
    working: count.openapi({ description: "Results that are being made" }),
    waiting: count.openapi({ description: "Steps that wait for those" }),
    hits: count,
    misses: count.openapi({ description: "Times that a step was left to get its result itself" }),
    evictions: count.openapi({ description: "Results that made room for others before they expired" }),
    invalidations: count,
  })
  .openapi("CacheStatistics");

const statisticsRoute = defineRoute({
  method: "get",
  path: "/cache",
  operationId: "getCacheStatistics",
  summary: "What the result cache keeps",
  description: "Of the tenant. Counts are as good as a minute: what an object has counted since may be lost with it.",
  access: "tasks:read",
  responses: { 200: json(statistics, "Sums over its objects") },
});

const names = (most: number) => z.array(z.string().min(1).max(most)).min(1).max(LIMITS.cacheNames).optional();
const named = z
  .strictObject({
    tags: names(LIMITS.tagLength).openapi({ description: "Those that have one of these" }),
    keys: names(LIMITS.idLength).openapi({ description: "As they stand in the events of the steps that asked" }),
    capability: identifier.optional().openapi({ description: "All results of it" }),
    agent: identifier.optional().openapi({ description: "All results of steps that name it" }),
  })
  .refine((body) => Object.values(body).some((value) => value !== undefined), 'expected "tags", "keys", a "capability" or an "agent"');

const invalidateRoute = defineRoute({
  method: "post",
  path: "/cache/invalidate",
  operationId: "invalidateCache",
  summary: "Drop kept results",
  description:
    "Whatever has any of what is named. From the answer on nobody gets one of those, and what is being made of that kind is not kept. May be repeated.",
  access: invalidateResults.scope,
  request: { body: { required: true, content: { "application/json": { schema: named } } } },
  responses: { 200: json(z.object({ dropped: count }), "How many there were") },
});

export const cacheRoutes = createRouter<CacheServices>()
  .openapi(statisticsRoute, async (c) => c.json(await c.var.services.cache.statistics(c.var.principal.tenant), 200))
  .openapi(invalidateRoute, async (c) => {
    const { tags = [], keys = [], capability, agent } = c.req.valid("json");
    const capabilities = [...(capability === undefined ? [] : [capability]), ...(agent === undefined ? [] : [`agent ${agent}`])];
    const dropped = accepted(await invalidateResults(c.var.principal, c.var.services, { tags, keys, capabilities }));
    return c.json({ dropped }, 200);
  });
