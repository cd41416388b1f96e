import { Unavailable } from "../shared/errors.ts";
import { messageOf } from "../shared/log.ts";

/** Whether something went wrong that is the platform's and may pass. */
export function isTrouble(error: unknown): boolean {
  return error instanceof Unavailable || /D1_ERROR|Network connection lost/.test(messageOf(error));
}
