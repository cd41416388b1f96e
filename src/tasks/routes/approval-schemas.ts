/** What somebody says of an approval, on the wire. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import { DECISION } from "../views/approval-view.ts";

export const decision = z.strictObject({
  decision: z.enum(DECISION),
  comment: z.string().max(LIMITS.textLength).optional(),
  payload: z.unknown().optional().openapi({ description: "In the place of what was asked, if that may be edited" }),
  hash: z
    .string()
    .max(64, { abort: true, error: "expected 64 hexadecimal digits" })
    .regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits")
    .optional(),
});
