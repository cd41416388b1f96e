/** `/approval-links/{token}`: one approval, decided once by whoever was given the link; a page for people. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { linkActor, parseApprovalToken, voterOf, type ApprovalLink } from "../../auth/approval-link.ts";
import { approvalId } from "../views/waiting-view.ts";
import { LIMITS } from "../limits.ts";
import { rejection } from "../../shared/errors.ts";
import { ApprovalDetail } from "../views/approval-view.ts";
import { decision } from "./approval-schemas.ts";
import { decideApproval, readApproval } from "../operations/approve.ts";
import { wordOf } from "./approvals.ts";
import { approvalPage } from "./approval-page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api, type TokenAccess } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";

const params = z.object({ token: z.string() });

const linkToken: TokenAccess = {
  tenantOf: (c: Context<Api<TaskServices>>) => linkIn(c)?.tenant ?? null,
  refusal: "The link is not valid, or not any more",
};

const readRoute = defineRoute({
  method: "get",
  path: "/approval-links/{token}",
  operationId: "getApprovalByLink",
  summary: "Read the approval that a link is for",
  description: "The link is the credential. A browser gets a page.",
  access: linkToken,
  request: { params },
  responses: { 200: json(ApprovalDetail, "The approval") },
});
const decideRoute = defineRoute({
  method: "post",
  path: "/approval-links/{token}/decide",
  operationId: "decideApprovalByLink",
  summary: "Approve or reject by a link",
  description: "About what was asked when the link was made; with `hash`, as read, about that.",
  access: linkToken,
  maxBodyBytes: LIMITS.bodyBytes,
  request: { params, body: { required: true, content: { "application/json": { schema: decision } } } },
  responses: { 200: json(ApprovalDetail, "The approval as it stands now") },
});

export const approvalLinkRoutes = createRouter<TaskServices>()
  .openapi(readRoute, async (c) => {
    const link = linkOf(c);
    if (c.req.header("accept")?.includes("text/html") === true) return approvalPage() as never;
    return c.json(accepted(await readApproval(linkActor(link), c.var.services, approvalId(link.task, link.approval), link.link)), 200);
  })
  .openapi(decideRoute, async (c) => {
    const link = linkOf(c);
    const word = {
      hash: link.hash,
      ...wordOf(c.req.valid("json")),
      voter: voterOf(link),
      link: { id: link.link, for: link.for, maker: link.maker },
    };
    return c.json(accepted(await decideApproval(linkActor(link), c.var.services, approvalId(link.task, link.approval), word)), 200);
  });

function linkIn(c: Context<Api<TaskServices>>): ApprovalLink | null {
  return parseApprovalToken(c.var.services.config.keyring, c.req.param("token") ?? "", Date.now());
}

function linkOf(c: Context<Api<TaskServices>>): ApprovalLink {
  const link = linkIn(c);
  if (link === null) throw new Refused(rejection("not_found", linkToken.refusal));
  return link;
}
