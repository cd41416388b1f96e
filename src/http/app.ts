/** The HTTP API: what every request passes, and which rooms there are. */
import { HTTPException } from "hono/http-exception";
import type { Context } from "hono";
import { rejection, type Rejection } from "../shared/errors.ts";
import { newId } from "../shared/ids.ts";
import { log, messageOf } from "../shared/log.ts";
import { SHARED_REJECTIONS } from "../shared/errors.ts";
import type { Room } from "../shared/room.ts";
import { isTrouble } from "../objects/trouble.ts";
import { agentWorkRoutes } from "../agents/routes/agent-work.ts";
import { agentRoutes } from "../agents/routes/agents.ts";
import { approvalLinkRoutes } from "../tasks/routes/approval-links.ts";
import { approvalRoutes } from "../tasks/routes/approvals.ts";
import { cacheRoutes } from "../cache/routes.ts";
import { callbackRoutes } from "../tasks/routes/callbacks.ts";
import { definitionComponents } from "../workflows/routes/definition-schema.ts";
import { channelRoutes } from "../workflows/routes/channels.ts";
import { docsPage } from "./docs.ts";
import { estimateRoutes } from "../estimates/routes/estimates.ts";
import { eventRoutes } from "../tasks/routes/events.ts";
import { forkRoutes } from "../tasks/routes/forks.ts";
import { healthRoutes } from "./health.ts";
import { importRoutes } from "../tasks/routes/imports.ts";
import { keyRoutes } from "../auth/routes.ts";
import { problem, Refused, TROUBLE } from "./problem.ts";
import { createRouter, type Api } from "./route.ts";
import type { Services } from "./services.ts";
import { recorderRoutes } from "../tasks/routes/recorder.ts";
import { scheduleRoutes } from "../schedules/routes/schedules.ts";
import { signalRoutes } from "../tasks/routes/signals.ts";
import { submissionRoutes } from "../tasks/routes/submissions.ts";
import { taskRoutes } from "../tasks/routes/tasks.ts";
import { templateRoutes } from "../workflows/routes/templates.ts";
import { taskEndedCall } from "../webhooks/routes/webhook-schemas.ts";
import { webhookRoutes } from "../webhooks/routes/webhooks.ts";
import { workflowRoutes } from "../workflows/routes/workflows.ts";

export const BASE_PATH = "/api/v1";

/** `services` is asked at every request; `null` with a message while the configuration is not valid. */
export function createApp(
  rooms: readonly Room[],
  services: (env: Api["Bindings"]) => { readonly services: Services } | { readonly fault: string },
) {
  const app = createRouter();

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
    // A response that came from elsewhere, a WebSocket's for one, has headers that cannot be changed.
    if (c.res.status !== 101) c.res.headers.set("X-Request-Id", requestId);
  });

  app.route(BASE_PATH, submissionRoutes);
  app.route(BASE_PATH, taskRoutes);
  app.route(BASE_PATH, importRoutes);
  app.route(BASE_PATH, forkRoutes);
  app.route(BASE_PATH, recorderRoutes);
  app.route(BASE_PATH, eventRoutes);
  app.route(BASE_PATH, signalRoutes);
  // Before /workflows/{name}, of which "estimate" would be one.
  app.route(BASE_PATH, estimateRoutes);
  app.route(BASE_PATH, workflowRoutes);
  app.route(BASE_PATH, channelRoutes);
  app.route(BASE_PATH, templateRoutes);
  // Before /agents/{id}, of which "select" would be one.
  app.route(BASE_PATH, agentWorkRoutes);
  app.route(BASE_PATH, agentRoutes);
  app.route(BASE_PATH, callbackRoutes);
  app.route(BASE_PATH, approvalRoutes);
  app.route(BASE_PATH, approvalLinkRoutes);
  app.route(BASE_PATH, webhookRoutes);
  app.route(BASE_PATH, scheduleRoutes);
  app.route(BASE_PATH, cacheRoutes);
  app.route(BASE_PATH, keyRoutes);
  app.route("/", healthRoutes);

  for (const [name, schema] of Object.entries(definitionComponents())) app.openAPIRegistry.registerComponent("schemas", name, schema);
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "An API key, `orc_…`, or the root key",
  });
  app.openAPIRegistry.registerWebhook(taskEndedCall);
  app.get("/openapi.json", (c) => {
    const document = app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: { title: "Orchestrator", version: "1", description: "Tasks, workflows and agents." },
    });
    const problem = document.components?.schemas?.["Problem"] as { properties: Record<string, object> };
    problem.properties["code"] = { type: "string", enum: codesOf(rooms), example: "not_found" };
    return c.json(document);
  });
  app.get("/docs", () => docsPage());

  app.notFound((c) => {
    const allowed = methodsFor(app.routes, c.req.path);
    if (allowed.length === 0) return withRequestId(c, problem(c, rejection("not_found", `There is nothing at ${c.req.path}; see /docs`)));
    const refused = problem(c, rejection("method_not_allowed", `${c.req.method} is not allowed here; allowed: ${allowed.join(", ")}`));
    refused.headers.set("Allow", allowed.join(", "));
    return withRequestId(c, refused);
  });
  app.onError(async (error, c) => withRequestId(c, problem(c, await rejectionFor(error, c))));
  return app;
}

const codesOf = (rooms: readonly Room[]): readonly string[] =>
  [SHARED_REJECTIONS, ...rooms.map(({ rejections = {} }) => rejections)].flatMap(Object.keys);

function withRequestId(c: Context<Api>, response: Response): Response {
  response.headers.set("X-Request-Id", c.get("requestId"));
  return response;
}

/** Whatever was thrown, as something the caller can act on. */
async function rejectionFor(error: Error, c: Context<Api>): Promise<Rejection> {
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

async function jsonFault(c: Context<Api>): Promise<string> {
  try {
    JSON.parse(await c.req.text());
    return "malformed";
  } catch (error) {
    return messageOf(error);
  }
}

function methodsFor(routes: readonly { readonly method: string; readonly path: string }[], path: string): readonly string[] {
  const matching = routes.filter((route) => route.method !== "ALL" && new RegExp(`^${route.path.replace(/:[^/]+/g, "[^/]+")}$`).test(path));
  return [...new Set(matching.map((route) => route.method))];
}
