import { index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { By } from "../shared/actor.ts";
import type { Role } from "../shared/scopes.ts";

/** PERSISTED. API keys by the SHA-256 of their text; the text itself is kept nowhere. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    hash: text().primaryKey(),
    id: text().notNull(),
    tenant: text().notNull(),
    name: text().notNull(),
    /** The first characters of the key, by which people recognise it. */
    prefix: text().notNull(),
    roles: text({ mode: "json" }).$type<readonly Role[]>().notNull(),
    /** The only agent that it speaks for. */
    agent: text(),
    createdAt: integer("created_at").notNull(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
    createdBy: text("created_by", { mode: "json" }).$type<By>(),
    /** Who revoked it, else who made it. */
    updatedBy: text("updated_by", { mode: "json" }).$type<By>(),
  },
  (table) => [index("api_keys_by_tenant").on(table.tenant, table.id)],
);
