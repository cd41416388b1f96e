/** Pages: `?limit=&cursor=` in, `{data, next_cursor}` out. A cursor is opaque to callers and says where the next page begins. */
import { z } from "@hono/zod-openapi";
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

/** What a cursor of ours says, or `null` for the first page. */
export function readCursor<T>(cursor: string | undefined, schema: z.ZodType<T>): T | null {
  if (cursor === undefined) return null;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
  } catch {
    const message = "is not a cursor of this list; take next_cursor from the previous page";
    throw new Refused(
      rejection("invalid_request", `The cursor ${message}`, { faults: [{ pointer: "/query/cursor", message, code: "invalid_request" }] }),
    );
  }
}

/** A page from up to `limit + 1` items, of which the last only tells that there are more. */
export function page<T>(items: readonly T[], limit: number, positionOf: (item: T) => unknown): { data: T[]; next_cursor: string | null } {
  const data = items.slice(0, limit);
  const last = data.at(-1);
  const hasMore = items.length > limit && last !== undefined;
  return { data, next_cursor: hasMore ? Buffer.from(JSON.stringify(positionOf(last))).toString("base64url") : null };
}
