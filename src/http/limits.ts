/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as SHARED } from "../shared/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;

export const LIMITS = {
  ...SHARED,

  /** Bodies that only name or configure something. */
  smallBodyBytes: 1 * MIB,
  /** What is left of a body whose answer is known already is read and forgotten up to this: a client that is cut off loses the answer … */
  discardBytes: 64 * MIB,
  /** … and for at most so long. */
  discardMs: 5 * SECOND,
  /** Readiness is looked at no more often, however many ask: anybody may. */
  readyMs: 1 * SECOND,
  pageSize: 1_000,
  /** What of a `tracestate` is passed on, as its specification asks of everybody; a longer one is left out. */
  traceStateLength: 512,
  traceStateMembers: 32,
  /** How much of a list of entity tags is read. */
  tagListLength: 2_000,
  waitMs: 60 * SECOND,

  /** What one WebSocket of a caller is sent before it has to be opened again. */
  socketBytes: 1 * MIB,
  /** Credentials of whoever reads live, or waits, are looked at again after this; what was looked up is believed for as long: a revocation is felt within twice this. */
  recheckMs: 15 * SECOND,
  /** How long live reading goes on while nobody can say whether its credentials still hold. */
  recheckDoubtMs: 60 * SECOND,
  /** How long a reader should wait before coming again, where an object has too many. */
  readAgainMs: 5 * SECOND,
} as const;
