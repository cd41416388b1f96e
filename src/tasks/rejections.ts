/** What a caller can be told by this room alone. */
import { defineRejections, usage, conflict } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  unknown_point: usage("There is no such point in the task", 422),
  invalid_journal: usage("The journal is not one that a task can have", 422),
  not_finished: { ...conflict("The task has not finished"), retryable: true },
  debounce_conflict: { ...conflict("Another kind of task waits under the key"), retryable: true },
  result_expired: conflict("The result is no longer kept", 410),
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
