/** What an error says of the platform. The one place that reads errors; everybody else asks it. */
import { Unavailable } from "../shared/errors.ts";
import { messageOf } from "../shared/log.ts";
import { excerpt } from "../shared/text.ts";

/**
 * `overloaded`: there is too much to do already, asking again at once makes it worse · `reset`: the runtime ended what ran ·
 * `disconnected`: the connection broke, which may also be the other side's doing · `unavailable`: it did not answer.
 */
export type Trouble = "overloaded" | "reset" | "disconnected" | "unavailable";

/** How much of what an error says is looked at. */
const TEXT_LENGTH = 1_000;

/** Texts of the runtime and of D1, where they give nothing else. */
const TEXTS: readonly (readonly [RegExp, Trouble])[] = [
  [/overloaded/i, "overloaded"],
  [/code was updated|has been reset|memory limit|exceeded its CPU|shutting down|starting up/i, "reset"],
  [/Network connection lost/, "disconnected"],
  // However it is worded, as by a disk that is full: what D1 or the database under it says of itself.
  [/D1_ERROR|D1_EXEC_ERROR|SQLITE_(?:FULL|IOERR|CANTOPEN|BUSY|LOCKED|READONLY|NOMEM|CORRUPT|NOTADB)/, "unavailable"],
  [/disk is full|disk I\/O error|unable to open database|database is locked|internal error; reference|^KV \w+ failed/i, "unavailable"],
];

/** The platform's trouble that an error tells of, which may pass; `null`: a defect, or what somebody meant to say. */
export function troubleOf(error: unknown): Trouble | null {
  if (error instanceof Unavailable) return "unavailable";
  const { overloaded, durableObjectReset, retryable } = Object(error) as Readonly<Record<string, unknown>>;
  if (overloaded === true) return "overloaded";
  if (durableObjectReset === true) return "reset";
  const text = excerpt(messageOf(error), TEXT_LENGTH);
  const said = TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? (retryable === true ? "disconnected" : null);
  // A failed query tells its cause first; where that says nothing, it failed all the same.
  return said ?? (error instanceof Error && error.message.startsWith("Failed query") ? "unavailable" : null);
}

/** Whether something went wrong that is the platform's and may pass. */
export function isTrouble(error: unknown): boolean {
  return troubleOf(error) !== null;
}
