/** The HTTP API: what every request passes, whichever room answers it. */
import { HTTPException } from "hono/http-exception";
import type { Context } from "hono";
import { rejection, type Rejection } from "../shared/errors.ts";
import { newId } from "../shared/ids.ts";
import { log, messageOf } from "../shared/log.ts";
import { isTrouble } from "../objects/trouble.ts";
import { isKnown } from "./etag.ts";
import { healthRoutes, type Checked } from "./health.ts";
import { problem, Refused, TROUBLE } from "./problem.ts";
import { createRouter, type Doors } from "./route.ts";
import { discardRest } from "./unread-body.ts";

export const BASE_PATH = "/api/v1";

/** What the rooms' routes are added to. `services` is asked at every request: there are none while the configuration is not valid. */
export type Start<Services> = (env: unknown) => { readonly services: Services & Doors } | { readonly fault: string };

export function createApp<Services extends Checked>(services: Start<Services>) {
  const app = createRouter<Services>();

  app.use(async (c, next) => {
    const request = c.req.raw;
    await next();
    await discardRest(request);
  });

  app.use(async (c, next) => {
    const requestId = newId("req", Date.now());
    c.set("requestId", requestId);
    const configured = services(c.env);
    if ("fault" in configured) {
      if (c.req.path !== "/health") throw new Refused(rejection("misconfigured", configured.fault));
    } else {
      c.set("services", configured.services);
    }
    await next();
    if (isReread(c)) c.res = new Response(null, { status: 304, headers: c.res.headers });
    // A response that came from elsewhere, a WebSocket's for one, has headers that cannot be changed.
    if (c.res.status !== 101) c.res.headers.set("X-Request-Id", requestId);
  });

  app.notFound((c) => {
    const allowed = methodsFor(app.routes, c.req.path);
    if (allowed.length === 0) return withRequestId(c, problem(c, rejection("not_found", `There is nothing at ${c.req.path}; see /docs`)));
    const refused = problem(c, rejection("method_not_allowed", `${c.req.method} is not allowed here; allowed: ${allowed.join(", ")}`));
    refused.headers.set("Allow", allowed.join(", "));
    return withRequestId(c, refused);
  });
  app.onError(async (error, c) => withRequestId(c, problem(c, await rejectionFor(error, c))));
  return app.route("/", healthRoutes);
}

/** Whether the caller has what it asks for already. */
function isReread({ req, res }: Context): boolean {
  const [tag, known] = [res.headers.get("etag"), req.header("if-none-match")];
  return tag !== null && known !== undefined && res.status === 200 && ["GET", "HEAD"].includes(req.method) && isKnown(known, tag);
}

function withRequestId(c: Context, response: Response): Response {
  response.headers.set("X-Request-Id", c.get("requestId"));
  return response;
}

/** Whatever was thrown, as something the caller can act on. */
async function rejectionFor(error: Error, c: Context): Promise<Rejection> {
  if (error instanceof Refused) return error.rejection;
  if (error instanceof HTTPException) {
    if (error.status === 400) return rejection("invalid_json", `The body is not JSON: ${await jsonFault(c)}`);
    if (error.status === 415) return rejection("unsupported_media_type", "Expected Content-Type: application/json");
  }
  // The path of a callback, or of an approval's link, is its credential.
  const path = c.req.path.replace(/(?<=\/(?:callbacks|approval-links)\/)[^/]+/, "…");
  const facts = { request_id: c.get("requestId"), method: c.req.method, path, error: messageOf(error) };
  if (isTrouble(error)) {
    log("warn", "request met trouble of the platform", facts);
    return TROUBLE;
  }
  log("error", "request failed", { ...facts, stack: error.stack ?? "" });
  return rejection("internal", "This is a defect of the service; it was logged under the request id");
}

async function jsonFault(c: Context): Promise<string> {
  try {
    JSON.parse(await c.req.text());
    return "malformed";
  } catch (error) {
    return messageOf(error);
  }
}

function methodsFor(routes: readonly { readonly method: string; readonly path: string }[], path: string): readonly string[] {
  const matching = routes.filter((route) => route.method !== "ALL" && new RegExp(`^${route.path.replace(/:[^/]+/g, "[^/]+")}$`).test(path));
  // What can be got can be asked for its head.
  return [...new Set(matching.flatMap(({ method }) => (method === "GET" ? ["GET", "HEAD"] : [method])))];
}
