import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { WebhookRecord } from "./webhook.ts";

/**
 * PERSISTED. One row per endpoint; the record is the truth, the columns beside it are for queries. Those that came with
 * tasks are many, and apart in the key: the others are read at nearly every end of a task.
 */
export const webhooks = sqliteTable(
  "webhooks",
  {
    tenant: text().notNull(),
    isAdHoc: integer("is_ad_hoc", { mode: "boolean" }).notNull(),
    id: text().notNull(),
    revision: integer().notNull(),
    /** Of one that came with a task: when it last did, give or take a day. */
    usedAt: integer("used_at"),
    record: text({ mode: "json" }).$type<WebhookRecord>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.isAdHoc, table.id] })],
);
