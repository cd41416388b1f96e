/** `/workflows`: register, read, check, delete. */
import { z } from "@hono/zod-openapi";
import { compileWorkflow } from "../../language/compile.ts";
import { endlessFaults } from "../lint/endless.ts";
import { faultsIn } from "../check.ts";
import { deleteVersion, deleteWorkflow, noWorkflow, putWorkflow } from "../operations.ts";
import { identifier } from "../../language/definition-words.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import { parseVersion } from "../../language/workflow-reference.ts";
import type { WorkflowListing, WorkflowSummary, WorkflowVersion } from "../registry.ts";
import { YAML_TYPES } from "../../http/body.ts";
import { channel, channelView } from "./channels.ts";
import { anyDefinition, definitionView } from "./definition-schema.ts";
import { registeredBy } from "../../http/by.ts";
import { etag, expectedRevision } from "../../http/etag.ts";
import { LINT_TABLE, warningSchema, warningsFor } from "./lint.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, faultSchema, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { definitionResponse, formatQuery, inFormats } from "./workflow-formats.ts";
import type { WorkflowServices } from "../services.ts";

const params = z.object({ name: z.string() });
const versionParams = z.object({ name: z.string(), version: z.string() });
const summary = z
  .object({ name: z.string(), version: z.int(), created_at: z.iso.datetime().nullable(), ...registeredBy })
  .openapi("WorkflowSummary");
const version = summary.extend({ definition: definitionView }).openapi("Workflow");
const listing = summary.extend({ channels: z.array(channel).readonly() }).openapi("WorkflowListing");
const linted = version.extend({ warnings: z.array(warningSchema).readonly() }).openapi("LintedWorkflow");
const definitionBody = {
  required: true,
  content: {
    "application/json": { schema: anyDefinition },
    // The same in other words: it is JSON by the time it is checked.
    ...Object.fromEntries(YAML_TYPES.map((type) => [type, { schema: anyDefinition }])),
  },
};

const putRoute = defineRoute({
  method: "put",
  path: "/workflows/{name}",
  operationId: "putWorkflow",
  summary: "Register a workflow",
  description:
    "A changed definition becomes the next version, an unchanged one stays the version it is. Versions never change. Warnings are those of `POST /workflows/validate`.",
  access: putWorkflow.scope,
  maxBodyBytes: LIMITS.definitionBytes,
  request: { params: z.object({ name: identifier }), body: definitionBody },
  responses: { 200: json(linted, "Registered already"), 201: json(linted, "The new version") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/workflows",
  operationId: "listWorkflows",
  summary: "List workflows",
  description: "By name, each with its newest version.",
  access: "workflows:read",
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(listing), "Names with their newest versions and their channels") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/workflows/{name}",
  operationId: "getWorkflow",
  summary: "Read a workflow's newest version",
  description: "As JSON, as YAML with `format=yaml`, or drawn with `format=mermaid`.",
  access: "workflows:read",
  request: { params, query: formatQuery },
  responses: { 200: inFormats(version, "The newest version") },
});
const versionsRoute = defineRoute({
  method: "get",
  path: "/workflows/{name}/versions",
  operationId: "listVersions",
  summary: "List a workflow's versions",
  description: "Newest first.",
  access: "workflows:read",
  request: { params, query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(summary), "Versions, newest first") },
});
const versionRoute = defineRoute({
  method: "get",
  path: "/workflows/{name}/versions/{version}",
  operationId: "getVersion",
  summary: "Read a version",
  description: "A version never changes.",
  access: "workflows:read",
  request: { params: versionParams, query: formatQuery },
  responses: { 200: inFormats(version, "The version") },
});
const deleteVersionRoute = defineRoute({
  method: "delete",
  path: "/workflows/{name}/versions/{version}",
  operationId: "deleteVersion",
  summary: "Delete a version",
  description: "Stops new tasks of this version; its number is not used again. A version that a channel points to stays.",
  access: deleteVersion.scope,
  request: { params: versionParams },
  responses: { 204: { description: "Deleted" } },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/workflows/{name}",
  operationId: "deleteWorkflow",
  summary: "Delete a workflow",
  description: "All versions and channels. Stops new tasks of this type; tasks that have started keep their definition.",
  access: deleteWorkflow.scope,
  request: { params },
  responses: { 204: { description: "Deleted" } },
});
const validateRoute = defineRoute({
  method: "post",
  path: "/workflows/validate",
  operationId: "validateWorkflow",
  summary: "Check a definition without registering it",
  description: `Errors are what a definition is refused for. Warnings are about what is probably not meant; what depends on agents and workflows is held against those that are registered now.\n\n${LINT_TABLE}`,
  access: "workflows:read",
  maxBodyBytes: LIMITS.definitionBytes,
  request: { body: definitionBody },
  responses: {
    200: json(
      z.object({ valid: z.boolean(), errors: z.array(faultSchema).readonly(), warnings: z.array(warningSchema).readonly() }),
      "Every fault at once, each at its place",
    ),
  },
});

export const workflowRoutes = createRouter<WorkflowServices>()
  .openapi(validateRoute, async (c) => {
    const compiled = compileWorkflow(JSON.stringify(c.req.valid("json")));
    if (!compiled.ok) return c.json({ valid: false, errors: compiled.error, warnings: [] }, 200);
    const name = compiled.value.definition.name ?? null;
    const errors = [...faultsIn(compiled.value), ...endlessFaults(compiled.value, name)];
    const warnings = await warningsFor(compiled.value, name, c.var.principal.tenant, c.var.services);
    return c.json({ valid: errors.length === 0, errors, warnings }, 200);
  })
  .openapi(putRoute, async (c) => {
    const { name } = c.req.valid("param");
    const text = JSON.stringify(c.req.valid("json"));
    const { principal, services } = c.var;
    const { registered, workflow } = accepted(await putWorkflow(principal, services, name, text, expectedRevision(c)));
    const warnings = await warningsFor(workflow, name, principal.tenant, services);
    c.header("ETag", etag(registered.version));
    if (!registered.isNew) return c.json({ ...versionView(registered), warnings }, 200);
    c.header("Location", `/api/v1/workflows/${name}/versions/${registered.version}`);
    return c.json({ ...versionView(registered), warnings }, 201);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const names = await c.var.services.workflows.list(c.var.principal.tenant, readCursor(c, cursor, z.string()), limit + 1);
    return c.json(
      page(c, names.map(listingView), limit, (workflow) => workflow.name),
      200,
    );
  })
  .openapi(readRoute, async (c) => {
    const { name } = c.req.valid("param");
    const latest = found(await c.var.services.workflows.latest(c.var.principal.tenant, name), name);
    c.header("ETag", etag(latest.version));
    return definitionResponse(c, c.req.valid("query").format, latest.definition) ?? c.json(versionView(latest), 200);
  })
  .openapi(versionsRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { limit, cursor } = c.req.valid("query");
    const before = readCursor(c, cursor, z.int());
    const versions = await c.var.services.workflows.versions(c.var.principal.tenant, name, before, limit + 1);
    if (versions.length === 0 && before === null) found(null, name);
    return c.json(
      page(c, versions.map(summaryView), limit, (workflow) => workflow.version),
      200,
    );
  })
  .openapi(versionRoute, async (c) => {
    const { name, version } = c.req.valid("param");
    const number = parseVersion(version);
    const row = number === null ? null : await c.var.services.workflows.version(c.var.principal.tenant, name, number);
    const known = found(row, `${name} version ${version}`);
    c.header("ETag", etag(known.version));
    return definitionResponse(c, c.req.valid("query").format, known.definition) ?? c.json(versionView(known), 200);
  })
  .openapi(deleteVersionRoute, async (c) => {
    const { name, version } = c.req.valid("param");
    accepted(await deleteVersion(c.var.principal, c.var.services, name, parseVersion(version), version, expectedRevision(c)));
    return c.body(null, 204);
  })
  .openapi(deleteRoute, async (c) => {
    accepted(await deleteWorkflow(c.var.principal, c.var.services, c.req.valid("param").name, expectedRevision(c)));
    return c.body(null, 204);
  });

function found<T>(workflow: T | null, name: string): T {
  if (workflow === null) throw new Refused(noWorkflow(name));
  return workflow;
}

function summaryView({ name, version, createdAt, createdBy }: WorkflowSummary) {
  // A version never changes.
  return { name, version, created_at: createdAt === 0 ? null : isoTime(createdAt), created_by: createdBy, updated_by: createdBy };
}

function listingView(workflow: WorkflowListing) {
  return { ...summaryView(workflow), channels: workflow.channels.map(channelView) };
}

function versionView(workflow: WorkflowVersion) {
  return { ...summaryView(workflow), definition: JSON.parse(workflow.definition) as z.infer<typeof definitionView> };
}
