/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as SHARED } from "../shared/limits.ts";

const KIB = 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const LIMITS = {
  ...SHARED,

  /** After an alarm that failed, or that could not work at all, the next one comes so much later; the pause doubles … */
  alarmRetryMs: 30 * SECOND,
  /** … up to this. */
  alarmRetryMaxMs: 10 * MINUTE,
  /** What was said and may be lost is said again after this, or after as long as nothing has been heard … */
  againMs: 30 * SECOND,
  /** … up to this. */
  againMaxMs: 10 * MINUTE,
  /** The pause before a request that failed is made again; it grows fourfold. */
  tellAgainMs: 100,
  /** Tries of a request, before it is left to the alarm. */
  tellTries: 4,
  /** Live readers of one object. */
  sockets: 1_000,
  /** What the object sends a reader in one go; who is further behind opens another connection from where it stopped. */
  catchUpBytes: 256 * KIB,
  /** What waits for a reader who is slower than it comes; with what is on its way a reader holds less than 1 MiB. */
  queuedBytes: 512 * KIB,
  /** The pause before a reader opens a connection again that broke; it grows fourfold, up to … */
  followAgainMs: 50,
  followAgainMaxMs: 10 * SECOND,
  /** After so many failures in a row it is let go. */
  followTries: 6,
  /** How long the holder of a slot is trusted before it is asked whether it still holds it. */
  slotVerifyMs: 30 * SECOND,
  /** How long a holder may fail to answer that: longer than any outage that is not its own, so that a slot is not lost for good. */
  slotDoubtMs: 1 * HOUR,
} as const;
