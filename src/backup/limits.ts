/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as HTTP } from "../http/limits.ts";

const MIB = 1024 * 1024;

export const LIMITS = {
  ...HTTP,

  /** Records that a file has: each takes up to four requests to D1 or an object, and the platform allows a thousand. */
  fileRecords: 200,
  /** Records that a room is asked for at once … */
  chunkRecords: 20,
  /** … and what a file has before no more are asked for: with the last chunk it stays below what is taken back. */
  fileBytes: 4 * MIB,
  /** Levels around a value of a record. */
  fileDepth: HTTP.jsonDepth + 4,
} as const;
