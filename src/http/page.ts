/** Pages: `?limit=&cursor=` in, `{data, next_cursor}` out. A cursor is opaque to callers and says where the next page begins. */
import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { Refused } from "./problem.ts";

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(LIMITS.pageSize).default(LIMITS.defaultPageSize).openapi({ type: "integer" }),
  cursor: z.string().max(1_000).optional().openapi({ description: "`next_cursor` of the previous page" }),
};

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), next_cursor: z.string().nullable() });
}

/** What a cursor of ours says, or `null` for the first page. One of another list, or of this one filtered otherwise, is refused. */
export function readCursor<T>(c: Context, cursor: string | undefined, schema: z.ZodType<T>): T | null {
  if (cursor === undefined) return null;
  const [list, position] = decoded(cursor);
  const read = schema.safeParse(position);
  if (list === listOf(c) && read.success) return read.data;
  const message = "is not a cursor of this list with these filters; take next_cursor from the previous page, and keep the filters";
  throw new Refused(
    rejection("invalid_request", `The cursor ${message}`, { faults: [{ pointer: "/query/cursor", message, code: "invalid_request" }] }),
  );
}

function decoded(cursor: string): readonly unknown[] {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    return Array.isArray(read) ? read : [];
  } catch {
    return [];
  }
}

/** A page from up to `limit + 1` items, of which the last only tells that there are more. */
export function page<T>(
  c: Context,
  items: readonly T[],
  limit: number,
  positionOf: (item: T) => unknown,
): { data: T[]; next_cursor: string | null } {
  const data = items.slice(0, limit);
  const last = data.at(-1);
  const hasMore = items.length > limit && last !== undefined;
  return { data, next_cursor: hasMore ? cursorAt(c, positionOf(last)) : null };
}

export function cursorAt(c: Context, position: unknown): string {
  return Buffer.from(JSON.stringify([listOf(c), position])).toString("base64url");
}

/** What is listed: the path and the filters, as a short text. */
function listOf(c: Context): string {
  const { pathname, searchParams } = new URL(c.req.url);
  const filters = [...searchParams].filter(([name]) => !POSITIONS.includes(name)).map((filter) => JSON.stringify(filter));
  return createHash("sha256")
    .update([pathname, ...filters.toSorted()].join("\n"))
    .digest("base64url")
    .slice(0, LIST_LENGTH);
}

/** Where a page begins and ends says nothing about what is listed. */
const POSITIONS: readonly string[] = ["limit", "cursor", "after"];
const LIST_LENGTH = 8;
