/** A change is written only over the revision that it was made from; of two at once, one is made again from what is there by then. */
import type { Expected } from "../shared/expected.ts";
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

/** Why a change is refused; `null`: it is not. `actual`: 0 where nothing is there. */
export function unexpected(
  subject: Subject,
  actual: number,
  expected: Expected,
  counter: "revision" | "version" = "revision",
): Rejection | null {
  if (isMet(actual, expected)) return null;
  const [is, read] = subject.endsWith(" are") ? ["are", "read them again"] : ["is", "read it again"];
  const what = subject.slice(0, -(is.length + 1));
  if (expected === "none") return rejection("precondition_failed", `${what} ${is} there already, at ${counter} ${actual}`);
  if (actual === 0) return rejection("precondition_failed", `${what} ${is} not there`);
  return rejection("precondition_failed", `${subject} at ${counter} ${actual}, not ${[expected].flat().join(" or ")}; ${read}`);
}

function isMet(actual: number, expected: Expected): boolean {
  if (expected === null) return true;
  if (expected === "none" || expected === "any") return actual > 0 === (expected === "any");
  return [expected].flat().includes(actual);
}
