/** `/openapi.json`: the document, made from the routes that serve; `/docs`: the same as a page. */
import { createHash } from "node:crypto";
import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Env } from "hono";
import { SHARED_REJECTIONS } from "../shared/errors.ts";
import { docsPage } from "./docs.ts";
import type { Room } from "./room-manifest.ts";

export function serveDocument<E extends Env>(app: OpenAPIHono<E>, rooms: readonly Room[]): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "An API key, `orck_…` (`orc_…` if it was made before), or the root key",
  });
  for (const { sends = [] } of rooms) for (const call of sends) app.openAPIRegistry.registerWebhook(call);
  /** Made once: anybody may ask for it, and it is the same for as long as this code runs. */
  let document: { readonly text: string; readonly tag: string } | undefined;
  app.get("/openapi.json", (c) => {
    document ??= taggedDocument(JSON.stringify(documentOf(app, rooms)));
    return c.body(document.text, 200, { "content-type": "application/json", etag: document.tag, "cache-control": "no-cache" });
  });
  app.get("/docs", () => docsPage());
}

function taggedDocument(text: string) {
  return { text, tag: `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"` };
}

export function documentOf<E extends Env>(app: OpenAPIHono<E>, rooms: readonly Room[]) {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Orchestrator",
      version: "1",
      description: "Tasks that become workflows of steps, the agents that do them, and what keeps both safe.",
      license: { name: "MIT", url: "https://spdx.org/licenses/MIT.html" },
      contact: { name: "Whoever runs this service" },
    },
    servers: [{ url: "/", description: "This service" }],
    tags: rooms.flatMap(({ tags = {} }) => Object.entries(tags).map(([name, description]) => ({ name, description }))),
  });
  const problem = document.components?.schemas?.["Problem"] as { properties: Record<string, object> };
  problem.properties["code"] = { type: "string", enum: codesOf(rooms), example: "not_found" };
  return document;
}

const codesOf = (rooms: readonly Room[]): readonly string[] =>
  [SHARED_REJECTIONS, ...rooms.map(({ rejections = {} }) => rejections)].flatMap(Object.keys);
