import { primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { ScheduleHead } from "./schedule.ts";

/** PERSISTED. The list of schedules: a row follows the schedule's object, which is the authority. */
export const schedules = sqliteTable(
  "schedules",
  {
    tenant: text().notNull(),
    name: text().notNull(),
    head: text({ mode: "json" }).$type<ScheduleHead>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);
