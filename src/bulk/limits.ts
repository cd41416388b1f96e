/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as LANGUAGE } from "../language/limits.ts";

export const LIMITS = {
  ...LANGUAGE,

  /** Tasks that something is done to in one go, and at a time: a question each, of which an object may ask a thousand. */
  bulkPage: 100,
  bulkAtOnce: 10,
  /** An order stays open so long: the alarm of a task whose row got lost writes it after 30 s, and takes some seconds in a crowd. */
  bulkOpenMs: 40_000,
  /** From the first look through all tasks to the second one. */
  bulkSweepMs: 3_000,
  /** A page that comes so much later than it was to says that the service was away: what is owed since is waited for anew. */
  bulkLateMs: 10_000,
  /** What went wrong, as a result tells it: the first. */
  bulkErrors: 20,
} as const;
