import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { AgentState } from "../agent-state.ts";
import type { AgentRecord } from "../agent.ts";

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

/** PERSISTED. What the objects of agents publish: one row per agent that has been used or watched. */
export const agentStates = sqliteTable(
  "agent_states",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    at: integer().notNull(),
    state: text({ mode: "json" }).$type<AgentState>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.id] })],
);
