/** `/approvals`: what waits for people, and what they say. */
import { z } from "@hono/zod-openapi";
import { duration } from "../../language/definition-words.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { DEFAULTS } from "../../shared/limits.ts";
import { durationMs, isoTime } from "../../shared/time.ts";
import { decideApproval, makeApprovalLink, readApproval, withdrawApprovalLink, type Word } from "../operations/approve.ts";
import { ApprovalDetail, ApprovalHead, APPROVAL_STATUS } from "../views/approval-view.ts";
import { decision } from "./approval-schemas.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
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
  responses: { 200: json(pageOf(ApprovalHead), "A page of approvals") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/approvals/{id}",
  operationId: "getApproval",
  summary: "Read an approval with what is to be approved",
  description: "Asked of the task itself: with the payload, its hash, and who has decided so far.",
  access: readApproval.scope,
  request: { params },
  responses: { 200: json(ApprovalDetail, "The approval") },
});
const decideRoute = defineRoute({
  method: "post",
  path: "/approvals/{id}/decide",
  operationId: "decideApproval",
  summary: "Approve or reject",
  description:
    "Each principal decides once; saying just the same again, after an answer that got lost, changes nothing and is answered alike. With `hash`, as read, the decision is about that payload and nothing else.",
  access: decideApproval.scope,
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, body: { required: true, content: { "application/json": { schema: decision } } } },
  responses: { 200: json(ApprovalDetail, "The approval as it stands now") },
});
const linkRoute = defineRoute({
  method: "post",
  path: "/approvals/{id}/links",
  operationId: "createApprovalLink",
  summary: "Make a link by which somebody without a key decides once",
  description:
    "Whoever has the link may decide once, without a key. A quorum counts that as the word of who made the link, with their own and that of all their links; for somebody who is asked by name as theirs, where who makes it may not decide.",
  access: makeApprovalLink.scope,
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
    201: json(
      z.object({ id: z.string(), url: z.string(), expires_at: z.iso.datetime() }),
      "The link: a page for people, an endpoint for programs; by its id it is withdrawn",
    ),
  },
});
const withdrawRoute = defineRoute({
  method: "delete",
  path: "/approvals/{id}/links/{link}",
  operationId: "withdrawApprovalLink",
  summary: "Withdraw a link that has not been used",
  description: "By its id. Whoever has it reads and decides nothing by it any more; again changes nothing.",
  access: withdrawApprovalLink.scope,
  request: { params: z.object({ id: z.string(), link: z.string().regex(/^[0-9a-z]{1,32}$/, "expected the id of a link") }) },
  responses: { 204: { description: "Withdrawn" } },
});

export const approvalRoutes = createRouter<TaskServices>()
  .openapi(listRoute, async (c) => {
    const { limit, cursor, status, task } = c.req.valid("query");
    const after = readCursor(c, cursor, z.object({ createdAt: z.int(), id: z.string() }));
    const approvals = await c.var.services.approvals.list(c.var.principal.tenant, { status, task }, after, limit + 1);
    return c.json(
      page(c, approvals, limit, ({ requested_at, id }) => ({ createdAt: Date.parse(requested_at), id })),
      200,
    );
  })
  .openapi(readRoute, async (c) => c.json(accepted(await readApproval(c.var.principal, c.var.services, c.req.valid("param").id)), 200))
  .openapi(decideRoute, async (c) => {
    const { principal, services } = c.var;
    const word = { ...wordOf(c.req.valid("json")), voter: principal.subject };
    return c.json(accepted(await decideApproval(principal, services, c.req.valid("param").id, word)), 200);
  })
  .openapi(linkRoute, async (c) => {
    const { services, principal } = c.var;
    const { for: person = "", expires_in } = c.req.valid("json");
    const expiresAt = Date.now() + (expires_in === undefined ? DEFAULTS.approvalLinkMs : durationMs(expires_in));
    const terms = { person, expiresAt };
    const { token, link } = accepted(await makeApprovalLink(principal, services, c.req.valid("param").id, principal.subject, terms));
    const origin = services.config.publicUrl ?? new URL(c.req.url).origin;
    return c.json({ id: link, url: `${origin}/api/v1/approval-links/${token}`, expires_at: isoTime(expiresAt) }, 201);
  })
  .openapi(withdrawRoute, async (c) => {
    const { id, link } = c.req.valid("param");
    accepted(await withdrawApprovalLink(c.var.principal, c.var.services, id, link));
    return c.body(null, 204);
  });

/** What somebody says, of what they have sent. */
export function wordOf({ decision: word, comment, hash, ...rest }: z.infer<typeof decision>): Omit<Word, "voter"> {
  return {
    decision: word,
    ...(comment !== undefined && { comment }),
    ...(hash !== undefined && { hash }),
    ...("payload" in rest && { payload: rest.payload as Json }),
  };
}
