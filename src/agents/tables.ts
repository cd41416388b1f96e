import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AgentRecord } from "./agent.ts";

/** PERSISTED. One row per agent; the record is the truth, the columns beside it are for queries. */
export const agents = sqliteTable(
  "agents",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    revision: integer().notNull(),
    record: text({ mode: "json" }).$type<AgentRecord>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.id] })],
);
