/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as LANGUAGE } from "../language/limits.ts";

export const LIMITS = {
  ...LANGUAGE,

  /** Tasks that something is done to in one go, and at a time: a question each, of which an object may ask a thousand. */
  bulkPage: 100,
  bulkAtOnce: 10,
  /** What went wrong, as a result tells it: the first. */
  bulkErrors: 20,
} as const;
