/** What a caller can be told by this room alone. */
import { defineRejections, conflict } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  attempt_superseded: conflict("The attempt is no longer current"),
  attempt_canceled: conflict("The attempt was canceled"),
  already_decided: conflict("It was decided already"),
  approval_changed: conflict("What is to be approved is something else"),
  signal_unexpected: conflict("No step can receive the signal"),
  concurrency_limit: { ...conflict("As many tasks of its key run as may"), retryable: true },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
