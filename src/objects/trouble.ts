/** What an error says of the platform. The one place that reads errors; everybody else asks it. */
import { Unavailable } from "../shared/errors.ts";
import { messageOf } from "../shared/log.ts";

/**
 * `overloaded`: there is too much to do already, asking again at once makes it worse · `reset`: the runtime ended what ran ·
 * `disconnected`: the connection broke, which may also be the other side's doing · `unavailable`: it did not answer.
 */
export type Trouble = "overloaded" | "reset" | "disconnected" | "unavailable";

/** Texts of the runtime and of D1, where they give nothing else. */
const TEXTS: readonly (readonly [RegExp, Trouble])[] = [
  [/overloaded/i, "overloaded"],
  [/code was updated|has been reset|memory limit|exceeded its CPU|shutting down|starting up/i, "reset"],
  [/Network connection lost/, "disconnected"],
  [/D1_ERROR/, "unavailable"],
];

/** The platform's trouble that an error tells of, which may pass; `null`: a defect, or what somebody meant to say. */
export function troubleOf(error: unknown): Trouble | null {
  if (error instanceof Unavailable) return "unavailable";
  const { overloaded, durableObjectReset, retryable } = Object(error) as Readonly<Record<string, unknown>>;
  if (overloaded === true) return "overloaded";
  if (durableObjectReset === true) return "reset";
  const text = messageOf(error);
  return TEXTS.find(([said]) => said.test(text))?.[1] ?? (retryable === true ? "disconnected" : null);
}

/** Whether something went wrong that is the platform's and may pass. */
export function isTrouble(error: unknown): boolean {
  return troubleOf(error) !== null;
}
