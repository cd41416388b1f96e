/** `/health` says that the service answers; `/ready` that everything it needs does too. */
import { z } from "@hono/zod-openapi";
import { messageOf } from "../shared/log.ts";
import { LIMITS } from "./limits.ts";
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
  description: "Looks at every dependency by using it, at most once a second, and names the state of each.",
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
    const checks = await checksOf(c.var.services);
    const isReady = Object.values(checks).every(({ status }) => status === "ok");
    return c.json({ status: isReady ? ("ready" as const) : ("not_ready" as const), checks }, isReady ? 200 : 503);
  });

type Checks = Readonly<Record<string, z.infer<typeof state>>>;

/** When somebody began to look, and what was found at last, in this isolate. */
let begunAt = Number.NEGATIVE_INFINITY;
let found: { readonly checks: Checks; readonly at: number } | undefined;

/** What was found within the last second. Of all who ask together one looks; the others wait for what it finds, or look next. */
async function checksOf({ checks }: Checked): Promise<Checks> {
  for (;;) {
    const now = Date.now();
    if (found !== undefined && now - found.at < LIMITS.readyMs && found.at <= now) return found.checks;
    if (now - begunAt >= LIMITS.readyMs || begunAt > now) {
      begunAt = now;
      const states = await Promise.all(Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const));
      found = { checks: Object.fromEntries(states), at: Date.now() };
      return found.checks;
    }
    // A request cannot wait for what another one is doing, only look whether it has done it.
    await scheduler.wait(READY_POLL_MS);
  }
}

const READY_POLL_MS = 25;

async function stateOf(check: () => Promise<void>): Promise<z.infer<typeof state>> {
  const startedAt = Date.now();
  try {
    await check();
    return { status: "ok", ms: Date.now() - startedAt };
  } catch (error) {
    return { status: "failing", error: messageOf(error) };
  }
}
