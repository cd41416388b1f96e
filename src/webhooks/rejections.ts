/** What a caller can be told by this room alone. */
import { defineRejections, conflict } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  webhook_disabled: conflict("The webhook is disabled"),
  delivery_under_way: { ...conflict("The delivery is being sent"), retryable: true },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
