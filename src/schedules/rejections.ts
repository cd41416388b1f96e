/** What a caller can be told by this room alone. */
import { defineRejections, usage, conflict } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  invalid_schedule: usage("The schedule has no times", 422),
  schedule_state: conflict("The schedule's status does not allow this"),
  run_overlaps: { ...conflict("An earlier run has not ended"), retryable: true },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
