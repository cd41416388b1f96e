/** The words that definitions are made of: ids, durations, expressions. */
import { z } from "zod";
import { LIMITS } from "./limits.ts";
import { parseDuration } from "../shared/time.ts";

export const identifier = z
  .string()
  .max(LIMITS.idLength, { abort: true })
  .regex(/^[A-Za-z0-9_.-]+$/, "expected letters, digits, _ . -");

export const duration = z
  .string()
  .refine((text) => parseDuration(text) !== null, 'expected a duration such as "500ms", "10s", "5m", "2h" or "7d"')
  .refine((text) => (parseDuration(text) ?? 0) <= LIMITS.durationMs, "a duration is at most 365d");

/** RFC 3339. No time is longer, and a longer text is not looked through. */
export const moment = z
  .string()
  .max(LIMITS.timeLength, { abort: true, error: "expected an RFC 3339 time" })
  .check(z.iso.datetime({ offset: true, error: "expected an RFC 3339 time" }));

export const positiveDuration = duration.refine((text) => (parseDuration(text) ?? 1) > 0, "expected more than zero");

/** CEL. */
export const expression = z.string().min(1);

/** JSON with `${ … }` in its strings. */
export const template = z.unknown();

/** What an expression can start from beside `input`, `steps` and `task`. */
export const variable = z
  .string()
  .max(LIMITS.variableLength, { abort: true })
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected a name such as item: letters, digits and _");

/** A registered workflow: `name`, `name@3`, `name@stable`. Without a version or channel it is the newest. */
export const workflowReference = z
  .string()
  .max(2 * LIMITS.idLength, { abort: true })
  .regex(/^[A-Za-z0-9_.-]+(@[A-Za-z0-9_.-]+)?$/, 'expected a workflow such as "study", "study@3" or "study@stable"');
