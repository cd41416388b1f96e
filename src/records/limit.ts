/** Limits on what is registered, counted in the statement that adds to it: no two pass one together. */
import { and, getTableColumns, sql, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import { rejection, type Rejection } from "../shared/errors.ts";

export interface Limit {
  /** There is room for what is written: a condition of the statement that writes it. */
  readonly room: SQL;
  /** What a caller is told where there is none. */
  readonly detail: string;
}

/** Inserts a row where a condition holds. */
export function insertWhere<T extends SQLiteTable>(db: DrizzleD1Database, table: T, row: T["$inferInsert"], condition: SQL | undefined) {
  const given: Readonly<Record<string, unknown>> = row;
  const values = Object.entries(getTableColumns(table)).map(([name, column]) => sql.param(given[name] ?? null, column));
  return db.insert(table).select(sql`select ${sql.join(values, sql`, `)} where ${condition ?? sql`true`}`);
}

export function roomIn(limits: readonly Limit[]): SQL | undefined {
  return and(...limits.map(({ room }) => room));
}

export function full({ detail }: Limit): Rejection {
  return rejection("limit_reached", detail);
}

/** Which limit kept a statement from writing; `null`: none does any more. */
export async function reachedLimit(db: DrizzleD1Database, limits: readonly Limit[]): Promise<Rejection | null> {
  for (const limit of limits) {
    const row = await db.get<{ readonly room: number }>(sql`select ${limit.room} as room`);
    if (row.room === 0) return full(limit);
  }
  return null;
}
