/** Shapes of the members of facts that come from elsewhere. */
import { z } from "zod";
import { LIMITS } from "../limits.ts";

export const text = z.string().max(LIMITS.bodyBytes);
export const texts = z.array(text);
export const count = z.int().min(0);
export const time = z.int().min(0).max(8_640_000_000_000_000);
export const number = z.int().min(1);

export const failure = z.looseObject({
  code: text,
  message: text,
  retryable: z.boolean(),
  retry_after_ms: z.number().optional(),
  by: z.literal("agent").optional(),
  status: z.int().optional(),
  step_id: text.optional(),
  pointer: text.optional(),
});
export const value = z.union([
  z.looseObject({ value: z.json(), bytes: count.optional() }),
  z.looseObject({ payload: count, bytes: count }),
  z.looseObject({ seq: number, bytes: count }),
]);
export const receipt = z.looseObject({
  policy: text,
  candidates: z.array(
    z.looseObject({
      agent: text,
      verdict: text,
      score: z.number().optional(),
      parts: z.record(z.string(), z.number()).optional(),
      reason: text.optional(),
    }),
  ),
  more: count.optional(),
  note: text.optional(),
});
export const amounts = z.looseObject({ cost_micros: count, tokens: count, calls: count });
