/** What to know of workflows to submit one: read out of their definitions where these are stored, for they may be large. */
import { and, eq, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { WorkflowDefinition } from "../language/definition.ts";
import { LIMITS } from "./limits.ts";
import { builtinWorkflow } from "./builtin.ts";
import type { WorkflowSummary, WorkflowVersion } from "./registry.ts";
import { workflows } from "./tables.ts";
import type { InputSchema } from "./template.ts";

export interface WorkflowDescription extends Omit<WorkflowSummary, "createdBy"> {
  readonly description: string | null;
  readonly inputSchema: InputSchema | null;
  /** Whether the schema is there, if it has one: of many no large ones are. */
  readonly isWhole: boolean;
}

/** All of it, from a definition at hand. */
export function describedBy({ name, version, createdAt, definition }: WorkflowVersion): WorkflowDescription {
  const { description = null, input_schema: inputSchema = null } = JSON.parse(definition) as WorkflowDefinition;
  return { name, version, createdAt, description, inputSchema, isWhole: true };
}

/** In the same order, without those that were deleted meanwhile. */
export async function readDescriptions(
  db: DrizzleD1Database,
  tenant: string,
  listed: readonly WorkflowSummary[],
): Promise<readonly WorkflowDescription[]> {
  const keys = JSON.stringify(listed.map(({ name, version }) => [name, version]));
  const schema = sql`json_extract(${workflows.definition}, '$.input_schema')`;
  const rows = await db
    .select({
      name: workflows.name,
      description: sql<string | null>`json_extract(${workflows.definition}, '$.description')`,
      isWhole: sql<number>`coalesce(length(${schema}), 0) <= ${LIMITS.templateSchemaBytes}`,
      schema: sql<string | null>`case when length(${schema}) <= ${LIMITS.templateSchemaBytes} then ${schema} end`,
    })
    .from(workflows)
    .where(
      and(
        eq(workflows.tenant, tenant),
        sql`(${workflows.name}, ${workflows.version}) in (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(${keys}))`,
      ),
    );
  const rowByName = new Map(rows.map((row) => [row.name, row]));
  return listed.flatMap((workflow): readonly WorkflowDescription[] => {
    const builtin = builtinWorkflow(workflow.name);
    if (builtin !== null) return [describedBy(builtin)];
    const row = rowByName.get(workflow.name);
    if (row === undefined) return [];
    const { name, version, createdAt } = workflow;
    const inputSchema = row.schema === null ? null : (JSON.parse(row.schema) as InputSchema);
    return [{ name, version, createdAt, description: row.description, inputSchema, isWhole: row.isWhole === 1 }];
  });
}
