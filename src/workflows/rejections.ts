/** What a caller can be told by this room alone. */
import { defineRejections, usage } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  endless_workflow: usage("The workflow starts itself without end"),
  unknown_type: { status: 404, title: "No such task type", exit: 4, retryable: false },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
