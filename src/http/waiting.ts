/** How callers wait for the end of a task: `?wait=30s` or `Prefer: wait=30`. */
import type { Context } from "hono";
import { rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { parseDuration } from "../shared/time.ts";
import { Refused } from "./problem.ts";

/** How long the caller wants to wait, in milliseconds, at most a minute. */
export function requestedWait(c: Context, query: string | undefined): number {
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
