/** `/agents/{id}/claim` and `/heartbeat` for an agent's own workers, and `/agents/select`, the dry run of a choice. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { AGENT_STATUS } from "../agent-state.ts";
import type { AgentContract } from "../object/agent-contract.ts";
import { select } from "../selection/selection.ts";
import { selectionOf, targetOf } from "../../language/staffing.ts";
import { whyOf } from "../selection/why.ts";
import { rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { selectBody, selection } from "./agent-schemas.ts";
import { answerClaim } from "./claims.ts";
import { found } from "./agents.ts";
import { Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { watchCredentials } from "../../http/standing.ts";
import { requestedWait } from "../../http/waiting.ts";
import type { AgentServices } from "../services.ts";

const params = z.object({ id: z.string() });

const attempt = z
  .object({
    task_id: z.string(),
    step_id: z.string(),
    attempt: z.int(),
    capability: z.string().nullable(),
    input: z.unknown(),
    context: z.object({
      workflow: z.object({ name: z.string().nullable(), version: z.int().nullable() }),
      deadline: z.string().nullable(),
      callback_url: z.string(),
    }),
    idempotency_key: z.string(),
    traceparent: z.string(),
    tracestate: z.string().optional(),
    lease_until: z.iso.datetime(),
  })
  .openapi("PulledAttempt");

const claimRoute = defineRoute({
  method: "post",
  path: "/agents/{id}/claim",
  operationId: "claimAttempts",
  summary: "Take work of a pulling agent",
  description:
    "Waits up to `wait` for some; meanwhile a space is sent every second, before the JSON. Heartbeats extend the lease; replies go to the callback URLs.",
  access: "agents:work",
  request: {
    params,
    query: z.strictObject({ wait: z.string().optional().openapi({ example: "20s" }) }),
    body: { content: { "application/json": { schema: z.strictObject({ max: z.int().min(1).max(LIMITS.claimAttempts).optional() }) } } },
  },
  responses: { 200: json(z.object({ attempts: z.array(attempt) }), "Attempts, maybe none") },
});

const heartbeatRoute = defineRoute({
  method: "post",
  path: "/agents/{id}/heartbeat",
  operationId: "sendHeartbeat",
  summary: "Say that an agent is there",
  description: "For agents that register with `heartbeat`: one that is not heard of in time counts as unhealthy and is chosen last.",
  access: "agents:work",
  request: { params, body: { content: { "application/json": { schema: z.strictObject({}) } } } },
  responses: { 200: json(z.object({ status: z.enum(AGENT_STATUS), status_reason: z.string().nullable() }), "How it is seen") },
});

const selectRoute = defineRoute({
  method: "post",
  path: "/agents/select",
  operationId: "selectAgent",
  summary: "Try a choice of an agent",
  description: "The same code that chooses for steps, on the present state of the agents; nothing is called or recorded.",
  access: "agents:read",
  maxBodyBytes: LIMITS.bodyBytes,
  request: { body: { required: true, content: { "application/json": { schema: selectBody } } } },
  responses: { 200: json(selection, "The choice and its receipt") },
});

export const agentWorkRoutes = createRouter<AgentServices>()
  .openapi(selectRoute, async (c) => {
    const { capability, agent, input, select: wish, seed } = c.req.valid("json");
    const now = Date.now();
    const snapshot = await c.var.services.directory.refresh(c.var.principal.tenant, now);
    const asked = selectionOf(wish);
    const choice = select(
      {
        target: targetOf({ agent, capability }),
        selection: asked,
        count: 1,
        seed: seed ?? "dry run",
        turn: 0,
        // As steps do: the key is the value's JSON.
        stickyKey: wish?.sticky === undefined ? null : JSON.stringify(wish.sticky),
        barred: new Map(),
        tried: new Set(),
        prefer: null,
        input: () => input as Json | undefined,
        withinMs: asked.meet?.withinMs ?? null,
        now,
        evidence: new Map(),
        busy: new Map(),
      },
      snapshot,
    );
    return c.json({ choice: choice.agents[0]?.agent ?? null, why: whyOf(choice.receipt), receipt: choice.receipt }, 200);
  })
  .openapi(heartbeatRoute, async (c) => {
    const { id } = c.req.valid("param");
    const object = await objectOf(c, id);
    const { status, reason } = await object.heartbeat({ tenant: c.var.principal.tenant, agent: id });
    return c.json({ status, status_reason: reason }, 200);
  })
  .openapi(claimRoute, async (c) => {
    const { id } = c.req.valid("param");
    const waitMs = Math.min(requestedWait(c, c.req.valid("query").wait), LIMITS.claimWaitMs);
    const object = await objectOf(c, id);
    const name = { tenant: c.var.principal.tenant, agent: id };
    const most = c.req.valid("json").max ?? 1;
    const goesOn = (work: Promise<unknown>): void => c.executionCtx.waitUntil(work);
    const claim = { name, object, most, waitMs, watch: () => watchCredentials(c), goesOn };
    const answer = await answerClaim(claim, c.req.raw.signal);
    return answer as never; // written as text, not made from a value of the declared type
  });

/** The object of an agent that the credentials speak for. Another agent's key is told that there is none. */
async function objectOf(c: Context<Api<AgentServices>>, id: string): Promise<AgentContract> {
  const { principal, services } = c.var;
  if (principal.agent !== null && principal.agent !== id) found(null, id);
  const record = found(await services.agents.find(principal.tenant, id), id);
  if (record.kind === "builtin") throw new Refused(rejection("name_reserved", `"${id}" is a built-in agent; it has no workers`));
  return services.agentObject(principal.tenant, id);
}
