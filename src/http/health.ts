/** `/health` says that the service answers; `/ready` that everything it needs does too. */
import { z } from "@hono/zod-openapi";
import { messageOf } from "../shared/log.ts";
import { createRouter, defineRoute } from "./route.ts";

const state = z.object({ status: z.enum(["ok", "failing"]), ms: z.number().optional(), error: z.string().optional() });
const ready = z.object({ status: z.enum(["ready", "not_ready"]), checks: z.record(z.string(), state) });

const healthRoute = defineRoute({
  method: "get",
  path: "/health",
  operationId: "getHealth",
  summary: "Liveness",
  description: "Says that the service answers, and nothing about what it depends on.",
  access: "anyone",
  responses: {
    200: { description: "The service answers", content: { "application/json": { schema: z.object({ status: z.literal("ok") }) } } },
  },
});
const readyRoute = defineRoute({
  method: "get",
  path: "/ready",
  operationId: "getReadiness",
  summary: "Readiness",
  description: "Looks at every dependency by using it, and names the state of each.",
  access: "anyone",
  responses: {
    200: { description: "Everything works", content: { "application/json": { schema: ready } } },
    503: { description: "Something does not", content: { "application/json": { schema: ready } } },
  },
});

export interface Checked {
  /** Every dependency by name, each checked by using it. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
}

export const healthRoutes = createRouter<Checked>()
  .openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200))
  .openapi(readyRoute, async (c) => {
    const checks = await Promise.all(
      Object.entries(c.var.services.checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
    );
    const isReady = checks.every(([, { status }]) => status === "ok");
    return c.json(
      { status: isReady ? ("ready" as const) : ("not_ready" as const), checks: Object.fromEntries(checks) },
      isReady ? 200 : 503,
    );
  });

async function stateOf(check: () => Promise<void>): Promise<z.infer<typeof state>> {
  const startedAt = Date.now();
  try {
    await check();
    return { status: "ok", ms: Date.now() - startedAt };
  } catch (error) {
    return { status: "failing", error: messageOf(error) };
  }
}
