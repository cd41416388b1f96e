/** What an approval looks like on the wire. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";

export const APPROVAL_STATUS = ["pending", "approved", "rejected", "expired", "canceled"] as const;
const DECISION = ["approve", "reject"] as const;
const time = z.iso.datetime();

/** Those of a list may be from before there was a hash. */
export const decisions = z
  .array(
    z.object({
      by: z.string(),
      decision: z.enum(DECISION),
      comment: z.string().nullable(),
      hash: z.string().optional().openapi({ description: "SHA-256 of what they decided on, as they left it" }),
      edited: z.boolean().optional(),
      at: time,
    }),
  )
  .readonly();

export const approval = z
  .object({
    id: z.string(),
    task_id: z.string(),
    step_id: z.string(),
    title: z.string(),
    status: z.enum(APPROVAL_STATUS),
    assignees: z.array(z.string()).readonly(),
    quorum: z.int(),
    editable: z.boolean(),
    requested_at: time,
    due_at: time.nullable(),
    decided_at: time.nullable(),
    decisions,
  })
  .openapi("Approval");

export const approvalDetail = approval
  .extend({ payload: z.unknown(), hash: z.string().openapi({ description: "SHA-256 of the payload, its keys sorted" }) })
  .openapi("ApprovalDetail");

export const decision = z.strictObject({
  decision: z.enum(DECISION),
  comment: z.string().max(LIMITS.textLength).optional(),
  payload: z.unknown().optional().openapi({ description: "In the place of what was asked, if that may be edited" }),
  hash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits")
    .optional(),
});
