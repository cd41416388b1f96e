/** What a caller can be told by this room alone. */
import { defineRejections } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  unknown_type: { status: 404, title: "No such task type", exit: 4, retryable: false },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
