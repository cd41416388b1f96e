/** A change is written only over the revision that it was made from; of two at once, one is made again from what is there by then. */
import { rejection, type Rejection } from "../shared/errors.ts";
import { err, type Result } from "../shared/result.ts";

/** What a caller is told about, with its verb: `Agent "a" is`, `The channels of "w" are`. */
export type Subject = `${string} ${"is" | "are"}`;

/** So many writers at once get their turn. */
const TRIES = 10;

/** `change` reads, decides and writes; `raced`: somebody else has written since it read. */
export async function overLatest<T>(
  subject: Subject,
  change: () => Promise<T | "raced">,
  activity: "changed" | "registered" = "changed",
): Promise<T | Result<never, Rejection>> {
  for (let tries = 0; tries < TRIES; tries++) {
    const done = await change();
    if (done !== "raced") return done;
  }
  return err(rejection("unavailable", `${subject} being ${activity} by many at once; try again`, { retryAfterMs: 1_000 }));
}

export function outdated(subject: Subject, actual: number, expected: number, counter: "revision" | "version" = "revision"): Rejection {
  const read = subject.endsWith(" are") ? "read them again" : "read it again";
  return rejection("precondition_failed", `${subject} at ${counter} ${actual}, not ${expected}; ${read}`);
}
