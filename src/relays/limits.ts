/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as AGENTS } from "../agents/limits.ts";
import { LIMITS as ENGINE } from "../engine/limits.ts";

const MIB = 1024 * 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  ...ENGINE,
  ...AGENTS,

  /** An answer waits so long for others that have come as well: they are one message and one commit then. */
  answersMs: 3,
  /** How long a relay is asked at a time: a request each. */
  relayAskMs: 15 * SECOND,
  /** A relay that nobody has asked for so long hangs up … */
  relayLeaseMs: 40 * SECOND,
  /** … and one that has not answered for so long has hung up by then: its calls are lost, and made by another. Noticed within a minute. */
  relayDeadMs: 50 * SECOND,
  /** How long an answer may take longer than it is asked for. */
  relayGraceMs: 5 * SECOND,
  /** The pause before a relay that did not answer is asked again; it doubles … */
  relayAgainMs: 100,
  /** … up to this. Somebody else who asks it in between, such as an instance that does not know of its end, is let do so. */
  relayAgainMaxMs: 5 * SECOND,
  /** Answers that were told are kept so long for who asks again, having lost its memory. */
  toldAnswerMs: 1 * MINUTE,
  /** Relays without work that an isolate knows of one tenant, and tenants of which it knows some. */
  freeRelays: 500,
  freeRelayTenants: 100,
  /** Calls that a relay remembers not to make. */
  refusedCalls: 1_000,
  /** Replies that a relay has in memory; one of them may be as large as a value may be. */
  relayReplyBytes: 16 * MIB,
  /** Inputs of one task's calls by relay that are in memory on their way. */
  relayedBytes: 32 * MIB,
  /** Calls by relay of one tenant's tasks in an isolate at once: those of others find room beside them. */
  relayedCallsOfTenant: 2_000,
} as const;
