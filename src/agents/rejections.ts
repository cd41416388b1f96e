/** What a caller can be told by this room alone. */
import { defineRejections, usage } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  invalid_schema: usage("The schema is no JSON Schema", 422),
  agent_card_unreadable: usage("The agent's card cannot be read", 422),
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
