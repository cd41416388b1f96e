/** How callers wait for the end of a task: `?wait=30s` or `Prefer: wait=30`. */
import type { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { parseDuration } from "../shared/time.ts";
import { waitForEnd } from "./follow.ts";
import { Refused } from "./problem.ts";
import type { Api } from "./route.ts";
import type { endedTask } from "../tasks/routes/task-schemas.ts";

/** How long the caller wants to wait, in milliseconds, at most a minute. */
export function requestedWait(c: Context<Api>, query: string | undefined): number {
  const text = query ?? /(?:^|[,;\s])wait=(\d+)/.exec(c.req.header("prefer") ?? "")?.[1];
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
  if (ms === null) {
    const message = 'expected a duration such as "30s"';
    throw new Refused(
      rejection("invalid_request", `wait: ${message}`, { faults: [{ pointer: "/query/wait", message, code: "invalid_request" }] }),
    );
  }
  return Math.min(ms, LIMITS.waitMs);
}

/** How the task ended, if it does within `waitMs`. */
export async function endWithin(c: Context<Api>, id: string, waitMs: number): Promise<z.infer<typeof endedTask> | null> {
  if (waitMs === 0) return null;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;
  const ended = await tasks.read(
    tenant,
    id,
    () => waitForEnd(() => tasks.stub(tenant, id), waitMs),
    (reading) => reading.result(),
  );
  return ended === null ? null : { id, ...(ended as Omit<z.infer<typeof endedTask>, "id">) };
}
