/** How many versions and names there may be, as conditions of the statement that adds one. */
import { and, eq, lt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Limit } from "../records/limit.ts";
import { LIMITS } from "./limits.ts";
import { workflowNames, workflows } from "./tables.ts";

/** The versions of a name. */
export const named = (tenant: string, name: string) => and(eq(workflows.tenant, tenant), eq(workflows.name, name));

/** `before`: the newest version, or 0. */
export function versionLimits(db: DrizzleD1Database, tenant: string, name: string, before: number, retired: number): readonly Limit[] {
  const versions = {
    room: lt(db.$count(workflows, named(tenant, name)), LIMITS.versionsPerWorkflow),
    detail: `A workflow has at most ${LIMITS.versionsPerWorkflow} versions; delete some first`,
  };
  if (before > 0) return [versions];
  const names = sql`(select count(distinct ${workflows.name}) from ${workflows} where ${eq(workflows.tenant, tenant)})`;
  const registered = {
    room: lt(names, LIMITS.workflowsPerTenant),
    detail: `A tenant has at most ${LIMITS.workflowsPerTenant} workflows; delete one first`,
  };
  const everUsed = {
    room: lt(db.$count(workflowNames, eq(workflowNames.tenant, tenant)), LIMITS.workflowNames),
    detail: `A tenant has used at most ${LIMITS.workflowNames} names; take one that was used before`,
  };
  return retired > 0 ? [registered] : [registered, everUsed];
}
