/** `/approval-links/{token}`: one approval, decided once by whoever was given the link; a page for people. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { deciderOf, parseApprovalToken, type ApprovalLink } from "../../auth/approval-link.ts";
import { approvalId } from "../views/waiting-view.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { rejection } from "../../shared/errors.ts";
import { approvalDetail, decision } from "./approval-schemas.ts";
import { decide, readApproval } from "./approvals.ts";
import { approvalPage } from "./approval-page.ts";
import { Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ token: z.string() });

const readRoute = defineRoute({
  method: "get",
  path: "/approval-links/{token}",
  operationId: "getApprovalByLink",
  summary: "Read the approval that a link is for",
  description: "The link is the credential. A browser gets a page.",
  access: "anyone",
  request: { params },
  responses: { 200: json(approvalDetail, "The approval") },
});
const decideRoute = defineRoute({
  method: "post",
  path: "/approval-links/{token}/decide",
  operationId: "decideApprovalByLink",
  summary: "Approve or reject by a link",
  description: "About what was asked when the link was made; with `hash`, as read, about that.",
  access: "anyone",
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, body: { required: true, content: { "application/json": { schema: decision } } } },
  responses: { 200: json(approvalDetail, "The approval as it stands now") },
});

export const approvalLinkRoutes = createRouter<TaskServices>()
  .openapi(readRoute, async (c) => {
    const link = linkOf(c, c.req.valid("param").token);
    if (c.req.header("accept")?.includes("text/html") === true) return approvalPage() as never;
    return c.json(await readApproval(c, link.tenant, link.task, link.approval, approvalId(link.task, link.approval)), 200);
  })
  .openapi(decideRoute, async (c) => {
    const link = linkOf(c, c.req.valid("param").token);
    const { decision: word, comment, hash = link.hash, ...rest } = c.req.valid("json");
    const said = {
      decision: word,
      by: deciderOf(link),
      // Whoever made the link was entitled to decide.
      roles: ["admin"],
      hash,
      ...(comment !== undefined && { comment }),
      ...("payload" in rest && { payload: rest.payload as Json }),
    };
    return c.json(await decide(c, link.tenant, { task: link.task, number: link.approval }, said), 200);
  });

function linkOf(c: Context<Api<TaskServices>>, token: string): ApprovalLink {
  const link = parseApprovalToken(c.var.services.config.keyring, token, Date.now());
  if (link === null) throw new Refused(rejection("not_found", "The link is not valid, or not any more"));
  return link;
}
