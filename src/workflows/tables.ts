import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** PERSISTED. Versions of registered workflows; a row never changes. */
export const workflows = sqliteTable(
  "workflows",
  {
    tenant: text().notNull(),
    name: text().notNull(),
    version: integer().notNull(),
    /** The definition as JSON text, exactly what tasks are created from. */
    definition: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.name, table.version] })],
);
