/** By whom, on the wire: of events, tasks and whatever is registered. */
import { z } from "@hono/zod-openapi";
import { ACTOR_TYPES } from "../shared/actor.ts";

const actor = { type: z.enum(ACTOR_TYPES), id: z.string(), name: z.string().optional() };

export const ByView = z
  .object({
    ...actor,
    made_by: z.object(actor).optional().openapi({ description: "Of a link: who made it" }),
    imported: z.literal(true).optional().openapi({ description: "As an imported file says; nobody here has seen them" }),
  })
  .openapi("Actor");
export type ByView = z.infer<typeof ByView>;

/** Who registered something, and who changed it last; `null` where that was not recorded. */
export const registeredBy = { created_by: ByView.nullable(), updated_by: ByView.nullable() };
