/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as OBJECTS } from "../objects/limits.ts";

const SECOND = 1_000;

export const LIMITS = {
  ...OBJECTS,

  gateLine: 100_000,
  /** A place kept for a task that is being submitted. Longer than any submission takes, its repetition included. */
  gateReserveMs: 60 * SECOND,
  /** How long a key knows the task submitted last of those that have begun: so long another may be held back by its `start_at`. */
  gateMemoryMs: 365 * 24 * 60 * 60 * SECOND,
  /** The pause between two messages to a task that is to be canceled, until it has ended. */
  gateTellMs: 10 * SECOND,
} as const;
