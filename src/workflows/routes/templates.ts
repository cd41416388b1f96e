/** `/templates`: what can be submitted by `type`, with what it wants to know and a body that is ready to send. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import { builtinWorkflow } from "../builtin.ts";
import { describedBy, type WorkflowDescription } from "../descriptions.ts";
import { exampleOf, parametersOf } from "../template.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import type { WorkflowServices } from "../services.ts";

const parameter = z
  .object({
    name: z.string(),
    type: z.union([z.string(), z.array(z.string())]).optional(),
    description: z.string().optional(),
    required: z.boolean(),
    default: z.unknown().optional(),
    choices: z.array(z.unknown()).optional(),
    example: z.unknown().optional(),
  })
  .openapi("TemplateParameter");

const template = z
  .object({
    type: z.string(),
    version: z.int(),
    builtin: z.boolean(),
    description: z.string().nullable(),
    created_at: z.iso.datetime().nullable(),
    parameters: z.array(parameter).openapi({ description: "Fields of the input, as its schema has them; none where it has no schema" }),
    input_schema: z.record(z.string(), z.unknown()).nullable(),
    is_whole: z.boolean().openapi({ description: "Whether the schema is told; if not, `GET /templates/{type}` does" }),
    example: z
      .object({ type: z.string(), input: z.unknown() })
      .nullable()
      .openapi({ description: "A body for `POST /tasks` that is accepted; null where none could be made up" }),
  })
  .openapi("Template");

const listRoute = defineRoute({
  method: "get",
  path: "/templates",
  operationId: "listTemplates",
  summary: "List what can be submitted by type",
  description: "Built-in workflows and those that were registered, in their newest version.",
  access: "workflows:read",
  request: {
    query: z.strictObject({
      ...pageQuery,
      limit: z.coerce.number().int().min(1).max(LIMITS.templates).default(LIMITS.templates).openapi({ type: "integer" }),
    }),
  },
  responses: { 200: json(pageOf(template), "Types with their parameters") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/templates/{type}",
  operationId: "getTemplate",
  summary: "Read what a type wants to know",
  description: "Whatever can be submitted as a `type`: a name, `name@3` or `name@channel`.",
  access: "workflows:read",
  request: { params: z.object({ type: z.string() }) },
  responses: { 200: json(template, "The type with its parameters") },
});

export const templateRoutes = createRouter<WorkflowServices>()
  .openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const { workflows } = c.var.services;
    const { tenant } = c.var.principal;
    const names = page(c, await workflows.list(tenant, readCursor(c, cursor, z.string()), limit + 1), limit, ({ name }) => name);
    const described = await workflows.describe(tenant, names.data);
    return c.json({ data: described.map((one) => templateView(one, one.name)), next_cursor: names.next_cursor }, 200);
  })
  .openapi(readRoute, async (c) => {
    const { type } = c.req.valid("param");
    const resolved = accepted(await c.var.services.workflows.resolve(c.var.principal.tenant, type, "template"));
    return c.json(templateView(describedBy(resolved), type), 200);
  });

function templateView(
  { name, version, createdAt, description, inputSchema, isWhole }: WorkflowDescription,
  type: string,
): z.infer<typeof template> {
  const input = inputSchema === null ? (isWhole ? {} : undefined) : exampleOf(inputSchema);
  return {
    type,
    version,
    builtin: builtinWorkflow(name) !== null,
    description,
    created_at: createdAt === 0 ? null : isoTime(createdAt),
    parameters: inputSchema === null ? [] : [...parametersOf(inputSchema)].map(parameterView),
    input_schema: inputSchema,
    is_whole: isWhole,
    example: input === undefined ? null : { type, input },
  };
}

function parameterView({ type, choices, ...rest }: ReturnType<typeof parametersOf>[number]): z.infer<typeof parameter> {
  return {
    ...rest,
    ...(type !== undefined && { type: typeof type === "string" ? type : [...type] }),
    ...(choices && { choices: [...choices] }),
  };
}
