/** `/approvals`: what waits for people, and what they say. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { approvalToken } from "../../auth/approval-link.ts";
import { duration } from "../../language/definition-words.ts";
import { rejection } from "../../shared/errors.ts";
import { isTaskId, randomText } from "../../shared/ids.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { durationMs, isoTime } from "../../shared/time.ts";
import type { ApprovalDecision } from "../messages.ts";
import { approval, approvalDetail, APPROVAL_STATUS, decision } from "./approval-schemas.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ id: z.string() });

const listRoute = defineRoute({
  method: "get",
  path: "/approvals",
  operationId: "listApprovals",
  summary: "List approvals, newest first",
  description: "From history: one appears within about a second.",
  access: "approvals:read",
  request: {
    query: z.strictObject({ ...pageQuery, status: z.enum(APPROVAL_STATUS).optional(), task: z.string().max(LIMITS.idLength).optional() }),
  },
  responses: { 200: json(pageOf(approval), "A page of approvals") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/approvals/{id}",
  operationId: "getApproval",
  summary: "Read an approval with what is to be approved",
  description: "Asked of the task itself: with the payload, its hash, and who has decided so far.",
  access: "approvals:read",
  request: { params },
  responses: { 200: json(approvalDetail, "The approval") },
});
const decideRoute = defineRoute({
  method: "post",
  path: "/approvals/{id}/decide",
  operationId: "decideApproval",
  summary: "Approve or reject",
  description:
    "Each principal decides once; saying just the same again, after an answer that got lost, changes nothing and is answered alike. With `hash`, as read, the decision is about that payload and nothing else.",
  access: "approvals:decide",
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, body: { required: true, content: { "application/json": { schema: decision } } } },
  responses: { 200: json(approvalDetail, "The approval as it stands now") },
});
const linkRoute = defineRoute({
  method: "post",
  path: "/approvals/{id}/links",
  operationId: "createApprovalLink",
  summary: "Make a link by which somebody without a key decides once",
  description: "Whoever has the link may decide once, without a key.",
  access: "approvals:decide",
  request: {
    params,
    body: {
      content: {
        "application/json": {
          schema: z.strictObject({
            for: z.string().min(1).max(LIMITS.nameLength).optional().openapi({ description: "Whom it is for: named in the decision" }),
            expires_in: duration.optional(),
          }),
        },
      },
    },
  },
  responses: {
    201: json(z.object({ url: z.string(), expires_at: z.iso.datetime() }), "The link: a page for people, an endpoint for programs"),
  },
});

export const approvalRoutes = createRouter<TaskServices>()
  .openapi(listRoute, async (c) => {
    const { limit, cursor, status, task } = c.req.valid("query");
    const after = readCursor(cursor, z.object({ createdAt: z.int(), id: z.string() }));
    const approvals = await c.var.services.approvals.list(c.var.principal.tenant, { status, task }, after, limit + 1);
    return c.json(
      page(approvals, limit, ({ requested_at, id }) => ({ createdAt: Date.parse(requested_at), id })),
      200,
    );
  })
  .openapi(readRoute, async (c) => c.json(await read(c, c.req.valid("param").id), 200))
  .openapi(decideRoute, async (c) => {
    const { decision: word, comment, hash, ...rest } = c.req.valid("json");
    const { principal } = c.var;
    const said: ApprovalDecision = {
      decision: word,
      by: principal.subject,
      roles: principal.roles,
      ...(comment !== undefined && { comment }),
      ...(hash !== undefined && { hash }),
      ...("payload" in rest && { payload: rest.payload as Json }),
    };
    return c.json(await decide(c, principal.tenant, addressOf(principal.tenant, c.req.valid("param").id), said), 200);
  })
  .openapi(linkRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { services, principal } = c.var;
    const asked = await read(c, id);
    // Who could not decide it must not get there by a link.
    const may =
      principal.roles.includes("admin") || asked.assignees.length === 0 || asked.assignees.includes(`subject:${principal.subject}`);
    if (!may && !principal.roles.some((role) => asked.assignees.includes(`role:${role}`))) {
      throw new Refused(rejection("forbidden", `Only ${asked.assignees.join(", ")} may decide this, or make links for it`));
    }
    const { for: person = "", expires_in } = c.req.valid("json");
    const expiresAt = Date.now() + (expires_in === undefined ? DEFAULTS.approvalLinkMs : durationMs(expires_in));
    const { task, number } = addressOf(principal.tenant, id);
    const token = approvalToken(services.config.keyring, {
      tenant: principal.tenant,
      task,
      approval: number,
      link: randomText(LINK_LENGTH),
      for: person,
      hash: asked.hash,
      expiresAt,
    });
    const origin = services.config.publicUrl ?? new URL(c.req.url).origin;
    return c.json({ url: `${origin}/api/v1/approval-links/${token}`, expires_at: isoTime(expiresAt) }, 201);
  });

const LINK_LENGTH = 12;
type Detail = z.infer<typeof approvalDetail>;

/** The task and the approval's number in it; whatever has another form is not there. */
export function addressOf(tenant: string, id: string): { readonly task: string; readonly number: number } {
  const [, body = "", number = ""] = /^approval_([0-9a-z]+)_([1-9]\d{0,5})$/.exec(id) ?? [];
  const task = `task_${body}`;
  if (!isTaskId(tenant, task)) throw missing(id);
  return { task, number: Number(number) };
}

async function read(c: Context<Api<TaskServices>>, id: string): Promise<Detail> {
  const { tenant } = c.var.principal;
  const { task, number } = addressOf(tenant, id);
  return readApproval(c, tenant, task, number, id);
}

export async function readApproval(
  c: Context<Api<TaskServices>>,
  tenant: string,
  task: string,
  number: number,
  id: string,
): Promise<Detail> {
  const found = await c.var.services.tasks.read(
    tenant,
    task,
    (owner) => owner.approval(number),
    (reading) => reading.approval(number) ?? ("unknown" as const),
  );
  if (found === null || found === "unknown") throw missing(id);
  return found;
}

/** A decision counts once, and who repeats it is answered alike, so it may be asked for again when an answer got lost. */
export async function decide(
  c: Context<Api<TaskServices>>,
  tenant: string,
  { task, number }: { readonly task: string; readonly number: number },
  said: ApprovalDecision,
): Promise<Detail> {
  const { tasks } = c.var.services;
  const answer = await tasks.ask(tenant, task, (owner) => owner.decide(number, said));
  if (answer !== null) return accepted(answer);
  const reading = await tasks.archive(tenant, task);
  const detail = reading?.approval(number) ?? null;
  if (reading === null || detail === null) throw missing(`${task} ${number}`);
  if (reading.hasSaid(number, said)) return detail;
  throw new Refused(
    rejection("already_decided", `The task has ended; the approval is ${detail.status}`, { facts: { approval_status: detail.status } }),
  );
}

const missing = (id: string): Refused => new Refused(rejection("not_found", `There is no approval "${id}"`));
