/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as LANGUAGE } from "../language/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  ...LANGUAGE,

  /** Objects that share the keys of a tenant: each answers some hundred requests a second. */
  cacheShards: 8,
  /** Of an object: its index is in memory, an entry in about 300 bytes. */
  cacheEntries: 10_000,
  cacheBytes: 64 * 1024 * KIB,
  /** One row of its table, which may have 2 MB; a larger result is made again. */
  cacheValueBytes: 1 * MIB,
  /** Those in line of an object: a step that finds no place goes on by itself. */
  cacheLine: 10_000,
  /** How long an answer may take: a step must not wait for want of a cache … */
  cacheAskMs: 2 * SECOND,
  /** … which is asked so often. */
  cacheAsks: 2,
  /** Who brings a result is asked whether it still does, this often, while others wait … */
  cacheLeaseMs: 30 * SECOND,
  /** … and this often if nobody does. Who does not answer is asked later each time, and then given up: it asks by itself. */
  cacheIdleMs: 10 * MINUTE,
  cacheTells: 8,
  /** Those that are told something at once. */
  cacheTelling: 50,
  /** When an entry was used last is written down this often: it only decides which is dropped first. */
  cacheTouchMs: 60 * SECOND,
  /** Of one invalidation. */
  cacheNames: 100,
} as const;
