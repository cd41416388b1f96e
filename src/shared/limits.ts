/**
 * Bounds that several rooms share, each with its reason. A room's own stand in its `limits.ts`. Passing one is a refusal
 * with a code, never a crash. Local runs do not enforce the platform's limits; these do.
 */
const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LIMITS = {
  /** A submitted body: an isolate has 128 MB, and a parsed body weighs several times its text. */
  bodyBytes: 16 * MIB,
  /** Nesting of JSON: recursion over it must never exhaust the stack. */
  jsonDepth: 64,
  /** Objects, lists and members in a body or a reply: each takes about 100 bytes and 1 µs, ten thousand steps have a fifth of them. */
  jsonParts: 500_000,
  defaultPageSize: 100,

  nameLength: 128,
  textLength: 2_000,
  urlLength: 2_048,
  tagLength: 64,

  /** Faults told at once, and so warnings. */
  faults: 100,
  /** A YAML body, in tokens: each takes up to 500 bytes of memory and 10 µs, however short its text. Larger ones are JSON. */
  yamlTokens: 100_000,
  /** Values written as YAML: with its key one is eight tokens or so, and what was written should be read. */
  yamlValues: 10_000,
  /** Aliases in a YAML body. What they repeat counts towards its size. */
  yamlAliases: 100,
  /** Steps of applying a schema to a value, some 50 ns each: a second, and one for each of the numbers in the largest value … */
  schemaSteps: 20_000_000,
  /** … and to the least of values, where it is registered: what takes more there takes too many everywhere. */
  schemaProbeSteps: 1_000_000,
  /** Characters met by an instruction of a pattern, or compared or counted, in a step. */
  schemaInstructions: 10,
  /** Schemas that are applied inside each other: those of the deepest value, and references between them. */
  schemaDepth: 500,
  /** Longer texts are not looked at for their format. */
  schemaFormatLength: 4_096,

  /** A value inside an event as readers get it; larger ones are named by size and read on their own. */
  eventValueBytes: 8 * KIB,

  /** URLs an isolate remembers having checked. */
  urlVerdicts: 1_000,
  /** Awaited requests of one object; the platform allows six. */
  inlineCalls: 6,
  /** Calls of one task by relay to an agent that declares no limit: what a person who sets none can be expected to mean. */
  relayedCallsPerAgent: 200,
  /** The longest a request to an agent is awaited: queue consumers live 15 minutes. Longer work calls back. */
  awaitMs: 14 * MINUTE,
  errorMessageLength: 1_000,
  /** A level of priority is worth this much waiting. */
  agingMs: 30 * SECOND,
  /** A step that an agent's line turned away does not ask there again before this. */
  declineMs: 1 * SECOND,

  /** Tasks that come of one submission, itself, parts of maps and chains included: what a service does in an hour or so. */
  familyTasks: 250_000,
  familyTasksMost: 1_000_000_000,

  rootKeyLength: 32,
} as const;

export const DEFAULTS = {
  timeoutMs: 5 * MINUTE,
  retry: { maxAttempts: 3, delayMs: 1 * SECOND, factor: 2, maxDelayMs: 30 * SECOND },
  breaker: { failureRate: 0.5, windowMs: 60 * SECOND, minCalls: 10, consecutive: 5, cooldownMs: 30 * SECOND, probes: 1 },
  /** Of the calls of a capability, how many may be hedges. */
  hedgeShare: 0.1,
  /** With which probability an agent chosen for a deadline should meet it. */
  meetProbability: 0.95,
  queueTtlMs: 1 * HOUR,
  /** A relay is billed as long as it awaits: from here on a queue message and its consumer are cheaper. */
  relayMostMs: 60 * SECOND,
  priority: 5,
  /** How long a burst of submissions may last, in times of the pause that ends it. */
  debounceTimes: 10,
  approvalLinkMs: 7 * DAY,
  taskRetentionMs: 7 * DAY,
  historyRetentionMs: 90 * DAY,
} as const;
