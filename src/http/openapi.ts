/** `/openapi.json`: the document, made from the routes that serve; `/docs`: the same as a page. */
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "hono";
import { SHARED_REJECTIONS } from "../shared/errors.ts";
import type { Room } from "./room-manifest.ts";
import { docsPage } from "./docs.ts";

export function serveDocument<E extends Env>(app: OpenAPIHono<E>, rooms: readonly Room[]): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "An API key, `orc_…`, or the root key",
  });
  for (const { sends = [] } of rooms) for (const call of sends) app.openAPIRegistry.registerWebhook(call);
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
}

const codesOf = (rooms: readonly Room[]): readonly string[] =>
  [SHARED_REJECTIONS, ...rooms.map(({ rejections = {} }) => rejections)].flatMap(Object.keys);
