/** `/agents`: register, find, change, delete. */
import type { Expected } from "../../shared/expected.ts";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { registrationFromCard } from "../registry/agent-card.ts";
import { AGENT_STATUS, type AgentState } from "../agent-state.ts";
import { registrationOf, type AgentRecord } from "../agent.ts";
import { deleteAgent, noAgent, putAgent, type PutAgent } from "../operations.ts";
import { agentRegistration, type AgentRegistration } from "../registry/registration.ts";
import type { Expectation, KnownAgent, Registered } from "../registry/registry.ts";
import { faultsOf } from "../../language/compile.ts";
import { identifier } from "../../language/definition-words.ts";
import { unexpected } from "../../records/revision.ts";
import { rejectionOf } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { log, messageOf } from "../../shared/log.ts";
import { agent, agentBody, agentChange, newAgent, registration, type AgentBody } from "./agent-schemas.ts";
import { etag, expectedRevision, requiredRevision } from "../../http/etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import type { AgentServices } from "../services.ts";

const params = z.object({ id: z.string() });
const ofNewAgent = z.object({ id: identifier });

const postRoute = defineRoute({
  method: "post",
  path: "/agents",
  operationId: "registerAgent",
  summary: "Register an agent",
  description: "With only a `url` (and, if you like, an `id`) its own A2A agent card is read: skills become capabilities.",
  access: putAgent.scope,
  request: { body: { required: true, content: { "application/json": { schema: newAgent } } } },
  responses: { 201: json(agent, "The agent") },
});
const putRoute = defineRoute({
  method: "put",
  path: "/agents/{id}",
  operationId: "putAgent",
  summary: "Register or replace an agent",
  description:
    "For agents that register at every boot. It replaces the whole registration; only a signing secret that is not given stays as it is, as long as the agent stays where it is: with a URL of another origin there is a new one.",
  access: putAgent.scope,
  request: { params: ofNewAgent, body: { required: true, content: { "application/json": { schema: registration } } } },
  responses: { 200: json(agent, "The replaced agent"), 201: json(agent, "The new agent") },
});
const patchRoute = defineRoute({
  method: "patch",
  path: "/agents/{id}",
  operationId: "updateAgent",
  summary: "Change parts of an agent",
  description: "A JSON Merge Patch (RFC 7396); needs `If-Match`. Credentials that are not named stay.",
  access: putAgent.scope,
  request: { params, body: { required: true, content: { "application/json": { schema: agentChange } } } },
  responses: { 200: json(agent, "The agent") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/agents",
  operationId: "listAgents",
  summary: "Find agents",
  description: "By id, filtered by capability, label or status.",
  access: "agents:read",
  request: {
    query: z.strictObject({
      ...pageQuery,
      capability: z.string().max(LIMITS.idLength).optional(),
      tag: z.string().max(LIMITS.tagLength).optional(),
      status: z.enum(AGENT_STATUS).optional(),
      q: z.string().max(LIMITS.nameLength).optional().openapi({ description: "Text in its id, name, description or capabilities" }),
    }),
  },
  responses: { 200: json(pageOf(agent), "A page of agents, in the order of their ids") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/agents/{id}",
  operationId: "getAgent",
  summary: "Read an agent with its statistics",
  description: "With its health, its breaker and how it did lately, per capability.",
  access: "agents:read",
  request: { params },
  responses: { 200: json(agent, "The agent") },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/agents/{id}",
  operationId: "deleteAgent",
  summary: "Delete an agent",
  description: "It is chosen no more. Attempts under way are let finish.",
  access: deleteAgent.scope,
  request: { params },
  responses: { 204: { description: "Deleted" } },
});

export const agentRoutes = createRouter<AgentServices>()
  .openapi(postRoute, async (c) => {
    const { id = newId("agent", Date.now()), ...given } = c.req.valid("json");
    const complete = await completed(c, given);
    const registered = await put(c, id, { registration: complete, expected: { type: "absent" } });
    c.header("Location", `/api/v1/agents/${id}`);
    c.header("ETag", etag(registered.agent.revision));
    return c.json(registeredBody(registered), 201);
  })
  .openapi(putRoute, async (c) => {
    const expected = expectation(expectedRevision(c));
    const registered = await put(c, c.req.valid("param").id, { registration: c.req.valid("json"), expected });
    c.header("ETag", etag(registered.agent.revision));
    return c.json(registeredBody(registered), registered.isNew ? 201 : 200);
  })
  .openapi(patchRoute, async (c) => {
    const { id } = c.req.valid("param");
    const expected = requiredRevision(c);
    const record = found(await c.var.services.agents.find(c.var.principal.tenant, id), id);
    const refusal = unexpected(`Agent "${id}" is`, record.revision, expected);
    if (refusal !== null) throw new Refused(refusal);
    const patch = c.req.valid("json") as JsonObject;
    const changed = agentRegistration.safeParse(merged(registrationOf(record) as unknown as Json, patch));
    if (!changed.success) throw new Refused(rejectionOf(faultsOf(changed.error), "invalid_request"));
    const registered = await put(c, id, {
      registration: changed.data,
      expected: { type: "revision", revision: record.revision },
      change: { keepsAuth: !("auth" in patch) },
    });
    c.header("ETag", etag(registered.agent.revision));
    return c.json(registeredBody(registered), 200);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor, ...filter } = c.req.valid("query");
    const { tenant } = c.var.principal;
    const snapshot = await c.var.services.directory.refresh(tenant, Date.now());
    const after = readCursor(c, cursor, z.string());
    const matching = [...snapshot.byId.values()]
      .map((record) => ({ agent: record, state: snapshot.states.get(record.id) ?? null }))
      .filter((known) => (after === null || known.agent.id > after) && matches(known, filter))
      .toSorted((a, b) => (a.agent.id < b.agent.id ? -1 : 1))
      .slice(0, limit + 1);
    return c.json(
      page(
        c,
        matching.map((known) => agentBody(known.agent, known.state)),
        limit,
        (listed) => listed.id,
      ),
      200,
    );
  })
  .openapi(readRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { tenant } = c.var.principal;
    const record = found(await c.var.services.agents.find(tenant, id), id);
    c.header("ETag", etag(record.revision));
    return c.json(agentBody(record, await stateOf(c, record)), 200);
  })
  .openapi(deleteRoute, async (c) => {
    const { principal, services } = c.var;
    accepted(await deleteAgent(principal, services, c.req.valid("param").id, expectation(expectedRevision(c)), laterIn(c)));
    return c.body(null, 204);
  });

const expectation = (revision: Expected): Expectation => ({ type: "revision", revision });

const laterIn =
  (c: Context<Api<AgentServices>>) =>
  (work: Promise<void>): void =>
    c.executionCtx.waitUntil(work);

async function put(c: Context<Api<AgentServices>>, id: string, given: PutAgent): Promise<Registered> {
  return accepted(await putAgent(c.var.principal, c.var.services, id, given, laterIn(c)));
}

/** A registration with only a URL is completed from the agent's own card. */
async function completed(c: Context<Api<AgentServices>>, given: Omit<z.infer<typeof newAgent>, "id">): Promise<AgentRegistration> {
  const isBare = given.capabilities === undefined && given.kind !== "pull" && given.url !== undefined;
  const card = isBare
    ? accepted(await registrationFromCard(given.url as string, { allowLoopback: c.var.services.config.allowLoopbackAgents }))
    : {};
  const parsed = agentRegistration.safeParse({ ...card, ...given });
  if (!parsed.success) throw new Refused(rejectionOf(faultsOf(parsed.error), "invalid_request"));
  return parsed.data;
}

/** The state from the agent's object, which is exact; as published, where that does not answer. */
async function stateOf(c: Context<Api<AgentServices>>, { id, kind }: AgentRecord): Promise<AgentState | null> {
  if (kind === "builtin") return null;
  const { tenant } = c.var.principal;
  try {
    return await c.var.services.agentObject(tenant, id).state({ tenant, agent: id });
  } catch (error) {
    log("warn", "agent's object did not answer", { agent: id, error: messageOf(error) });
    return (await c.var.services.directory.load(tenant, Date.now())).states.get(id) ?? null;
  }
}

interface Filter {
  readonly capability?: string | undefined;
  readonly tag?: string | undefined;
  readonly status?: AgentState["status"] | undefined;
  readonly q?: string | undefined;
}

function matches({ agent: record, state }: KnownAgent, { capability, tag, status, q }: Filter): boolean {
  if (capability !== undefined && !record.capabilities.some(({ name }) => name === capability)) return false;
  if (tag !== undefined && !record.capabilities.some(({ tags }) => tags?.includes(tag))) return false;
  if (status !== undefined && agentBody(record, state).status !== status) return false;
  if (q === undefined) return true;
  const said = record.capabilities.flatMap(({ name, description }) => [name, description ?? ""]);
  return [record.id, record.name, record.description ?? "", ...said].some((text) => text.toLowerCase().includes(q.toLowerCase()));
}

/** RFC 7396. */
function merged(target: Json, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const result = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name) ?? null, value));
  }
  return Object.fromEntries(result);
}

function registeredBody({ agent: record, signingSecret }: Registered): AgentBody {
  return { ...agentBody(record, null), ...(signingSecret !== undefined && { signing_secret: signingSecret }) };
}

export function found<T>(record: T | null, id: string): T {
  if (record === null) throw new Refused(noAgent(id));
  return record;
}
