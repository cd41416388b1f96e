/** What D1 keeps of a workflow's name beside its versions: the numbers that are used up, and the channels. */
import { and, eq } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { Channels } from "./channels.ts";
import { workflowNames } from "./tables.ts";

export interface NameRow {
  readonly retired: number;
  readonly revision: number;
  readonly channels: Channels;
}

const UNUSED: NameRow = { retired: 0, revision: 0, channels: [] };

export async function readName(db: DrizzleD1Database, tenant: string, name: string): Promise<NameRow> {
  const row = await db
    .select({ retired: workflowNames.retired, revision: workflowNames.revision, channels: workflowNames.channels })
    .from(workflowNames)
    .where(ofName(tenant, name))
    .get();
  return row ?? UNUSED;
}

export const ofName = (tenant: string, name: string) => and(eq(workflowNames.tenant, tenant), eq(workflowNames.name, name));
