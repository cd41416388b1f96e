/** Every bound of the kit with its reason. Times are milliseconds. */
const KIB = 1_024;
const MIB = 1_024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  /** A request: the largest input that a step can have, which is 16 MiB, and what surrounds it. */
  requestBytes: 16 * MIB + 64 * KIB,
  /** A reply: the orchestrator reads no more. */
  replyBytes: 16 * MIB,
  /** What a heartbeat may carry, in characters of JSON: the orchestrator refuses more. */
  progressLength: 4 * KIB,
  codeLength: 128,
  messageLength: 1_000,
  /** The longest pause before another attempt that the orchestrator lets an agent ask for. */
  attemptPauseMs: 7 * 24 * 60 * MINUTE,
  /** `setTimeout` fires at once when asked for more. */
  timerMs: 2 ** 31 - 1,

  /** How far the clock of a signed request may be from ours, as Standard Webhooks recommends. */
  signatureAgeMs: 5 * MINUTE,
  /** Signatures of one request that are looked at; a secret being replaced makes two. */
  signatures: 10,

  /** A request to the orchestrator that has not been answered by then counts as failed. */
  callbackRequestMs: 30 * SECOND,
  /** A report that nobody hears is sent this often: with the pauses between, for about a minute. */
  callbackTries: 10,
  callbackPause: { baseMs: 250, maxMs: 10 * SECOND },
  /** A longer Retry-After is cut to this: leases run meanwhile, and whoever is silent for longer is taken for dead. */
  retryAfterMs: 5 * MINUTE,

  /** The first regular heartbeat tells how long the lease is; the wait spares work that ends soon. */
  firstHeartbeatMs: 1 * SECOND,
  /** Between regular heartbeats while no lease is known. */
  heartbeatMs: 10 * SECOND,
  /** A third of the lease, but never more often (a clock that is off must not make a flood) … */
  heartbeatMinMs: 100,
  /** … nor less: a heartbeat is also how an agent learns that its work was canceled. */
  heartbeatMaxMs: 5 * MINUTE,
  /** Progress that comes faster is thinned out: every report of it is a row in the orchestrator's journal. */
  progressPauseMs: 250,
  heartbeatPause: { baseMs: 1 * SECOND, maxMs: 10 * SECOND },

  /** How often running work shows that it runs, and after which silence it counts as dead. */
  pulseMs: 5 * SECOND,
  pulseLostMs: 30 * SECOND,

  /** The most that one claim may ask for. */
  claimAttempts: 100,
  /** A claim that comes back empty is not repeated sooner, even where the orchestrator does not wait. */
  emptyClaimMs: 1 * SECOND,
  claimPause: { baseMs: 500, maxMs: 30 * SECOND },
  /** What a claim may take longer than it was asked to wait. */
  claimGraceMs: 30 * SECOND,
} as const;

export const DEFAULTS = {
  replyWithinMs: 10 * SECOND,
  executeWithinMs: 24 * 60 * MINUTE,
  rememberedResults: 1_000,
  rememberedBytes: 32 * MIB,
  concurrency: 1,
  waitSeconds: 20,
} as const;
