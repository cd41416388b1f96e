import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { By } from "../shared/actor.ts";
import type { Channels } from "./channels.ts";

/** PERSISTED. Versions of registered workflows; a row never changes, unless an import is told to overwrite it. */
export const workflows = sqliteTable(
  "workflows",
  {
    tenant: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    /** The definition as JSON text, exactly what tasks are created from. */
    definition: text().notNull(),
    createdAt: integer("created_at").notNull(),
    createdBy: text("created_by", { mode: "json" }).$type<By>(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name, table.version] })],
);

/** PERSISTED. What is kept of a name beside its versions: a row comes with its first channel or deletion, and stays. */
export const workflowNames = sqliteTable(
  "workflow_names",
  {
    tenant: text().notNull(),
    name: text().notNull(),
    /** The highest number that was given when something was deleted: numbers up to it are never given again. */
    retired: integer().notNull(),
    /** Counts the changes of the channels, which are one value because their rules are about all of them. */
    revision: integer().notNull(),
    channels: text({ mode: "json" }).$type<Channels>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name] })],
);
