/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as SHARED } from "../shared/limits.ts";

const SECOND = 1_000;

export const LIMITS = {
  ...SHARED,

  /** A revocation is felt everywhere within this. */
  keyCacheMs: 60 * SECOND,
  keyCacheEntries: 1_000,
  keysPerTenant: 1_000,
  /** Requests of a caller that one permission of the rate limiter covers (its limit, in `wrangler.toml`, counts those). */
  requestsPerPermit: 100,
  /** How long whoever was refused is refused without asking the limiter again. */
  refusedMs: 1 * SECOND,
  /** As `requestsPerPermit`, of credentials that nobody has given out: a thousand in ten seconds from one address, each at most one read of D1. */
  guessesPerPermit: 10,
} as const;
