/** `/agents`: register, read, delete. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { agentRegistration, agentView, type AgentRecord, type AgentRegistration } from "../agents/agent.ts";
import type { Expectation, Registered } from "../agents/registry.ts";
import { identifier } from "../engine/definition.ts";
import { rejection } from "../shared/errors.ts";
import { newId } from "../shared/ids.ts";
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "../shared/limits.ts";
import { etag, expectedRevision } from "./etag.ts";
import { page, pageOf, pageQuery, readCursor } from "./page.ts";
import { accepted, Refused } from "./problem.ts";
import { createRouter, defineRoute, json, type Api } from "./route.ts";

const params = z.object({ id: z.string() });

const agent = z
  .object({
    id: z.string(),
    kind: z.enum(["http", "builtin"]),
    name: z.string(),
    description: z.string().nullable(),
    url: z.string().nullable(),
    capabilities: z.array(z.object({ name: z.string() })).readonly(),
    auth: z.object({ type: z.enum(["bearer", "header"]), name: z.string().optional() }).nullable(),
    cancel_url: z.string().nullable(),
    expected_latency: z.string().nullable(),
    dispatch: z.enum(["auto", "inline", "queue"]),
    created_at: z.iso.datetime().nullable(),
    updated_at: z.iso.datetime().nullable(),
    signing_secret: z
      .string()
      .optional()
      .openapi({ description: "The Standard Webhooks secret of its requests; shown once, when it was made here" }),
  })
  .openapi("Agent");

const postRoute = defineRoute({
  method: "post",
  path: "/agents",
  summary: "Register an agent",
  access: "agents:write",
  request: {
    body: {
      required: true,
      content: { "application/json": { schema: agentRegistration.extend({ id: identifier.optional() }).openapi("AgentRegistration") } },
    },
  },
  responses: { 201: json(agent, "The agent") },
});
const putRoute = defineRoute({
  method: "put",
  path: "/agents/{id}",
  summary: "Register or replace an agent",
  description:
    "For agents that register at every boot. It replaces the whole registration; only a signing secret that is not given stays as it is.",
  access: "agents:write",
  request: {
    params: z.object({ id: identifier }),
    body: { required: true, content: { "application/json": { schema: agentRegistration } } },
  },
  responses: { 200: json(agent, "The replaced agent"), 201: json(agent, "The new agent") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/agents",
  summary: "List agents",
  access: "agents:read",
  request: { query: z.strictObject({ ...pageQuery, capability: z.string().max(LIMITS.idLength).optional() }) },
  responses: { 200: json(pageOf(agent), "A page of agents") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/agents/{id}",
  summary: "Read an agent",
  access: "agents:read",
  request: { params },
  responses: { 200: json(agent, "The agent") },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/agents/{id}",
  summary: "Delete an agent",
  access: "agents:write",
  request: { params },
  responses: { 204: { description: "Deleted" } },
});

export const agentRoutes = createRouter()
  .openapi(postRoute, async (c) => {
    const { id = newId("agent", Date.now()), ...registration } = c.req.valid("json");
    const registered = await register(c, id, registration, { type: "absent" });
    c.header("Location", `/api/v1/agents/${id}`);
    return c.json(registeredView(registered), 201);
  })
  .openapi(putRoute, async (c) => {
    const revision = expectedRevision(c);
    const registered = await register(
      c,
      c.req.valid("param").id,
      c.req.valid("json"),
      revision === null ? { type: "none" } : { type: "revision", revision },
    );
    c.header("ETag", etag(registered.agent.revision));
    return c.json(registeredView(registered), registered.isNew ? 201 : 200);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor, capability } = c.req.valid("query");
    const agents = await c.var.services.agents.list(c.var.principal.tenant, {
      capability,
      after: readCursor(cursor, z.string()),
      limit: limit + 1,
    });
    return c.json(
      page(agents.map(view), limit, (listed) => listed.id),
      200,
    );
  })
  .openapi(readRoute, async (c) => {
    const { id } = c.req.valid("param");
    const record = found(await c.var.services.agents.find(c.var.principal.tenant, id), id);
    c.header("ETag", etag(record.revision));
    return c.json(view(record), 200);
  })
  .openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { agents, directory } = c.var.services;
    const { tenant } = c.var.principal;
    const revision = expectedRevision(c);
    const deleted = accepted(await agents.delete(tenant, id, revision === null ? { type: "none" } : { type: "revision", revision }));
    if (!deleted) found(null, id);
    await directory.changed(tenant, Date.now());
    return c.body(null, 204);
  });

async function register(c: Context<Api>, id: string, registration: AgentRegistration, expected: Expectation): Promise<Registered> {
  const { agents, directory } = c.var.services;
  const { tenant } = c.var.principal;
  const registered = accepted(await agents.register(tenant, id, registration, expected, Date.now()));
  await directory.changed(tenant, Date.now());
  c.executionCtx.waitUntil(pokeWaiting(c, registered.agent));
  return registered;
}

/** Wakes tasks that wait for what this agent offers. They would look again by themselves, but later. */
async function pokeWaiting(c: Context<Api>, { id, capabilities }: AgentRecord): Promise<void> {
  const { history, tasks } = c.var.services;
  const { tenant } = c.var.principal;
  try {
    const waiting = await history.waitingFor(tenant, [id, ...capabilities.map(({ name }) => name)], LIMITS.pokes);
    await Promise.all(waiting.map((task) => tasks.stub(tenant, task).poke()));
  } catch (error) {
    log("info", "waiting tasks not woken, they look again by themselves", { agent: id, error: messageOf(error) });
  }
}

function view(record: AgentRecord) {
  const { auth, ...rest } = agentView(record);
  return { ...rest, auth: auth && { type: auth.type, ...(auth.name !== undefined && { name: auth.name }) } };
}

function registeredView({ agent: record, signingSecret }: Registered) {
  return { ...view(record), ...(signingSecret !== undefined && { signing_secret: signingSecret }) };
}

function found<T>(record: T | null, id: string): T {
  if (record === null) throw new Refused(rejection("not_found", `There is no agent "${id}"`));
  return record;
}
