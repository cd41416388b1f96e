/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as LANGUAGE } from "../language/limits.ts";
import { LIMITS as OBJECTS } from "../objects/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const LIMITS = {
  ...LANGUAGE,
  ...OBJECTS,

  secretLength: 4_096,

  /** What an agent may report of one call. No call comes near it, and what is summed up over many stays a number. */
  callUsd: 1_000_000,
  callTokens: 1_000_000_000_000,

  agentsPerTenant: 1_000,
  capabilitiesPerAgent: 100,
  /** How old an object's or an isolate's picture of the agents may be. */
  directoryAgeMs: 10 * SECOND,
  /** Secrets an isolate keeps open. */
  openedSecrets: 1_000,
  /** Tenants whose agents an isolate remembers. */
  directoryTenants: 100,
  /** A best-effort request such as telling an agent that its work was canceled. */
  courtesyCallMs: 5 * SECOND,
  /** Agents an isolate has outcomes of that are not sent yet, and outcomes of one of them in one message. */
  outcomeAgents: 1_000,
  outcomesPerMessage: 500,
  /** How long outcomes wait for company on their way to an agent's statistics (its object is awake that long for the archive) … */
  outcomeQuietMs: 1 * SECOND,
  /** … and faults on their way to its breaker. */
  outcomeFaultMs: 250,
  /** What an agent did this long ago counts half in its statistics. */
  statisticsHalfLifeMs: 10 * MINUTE,
  /** An agent's statistics reach the directory at most this often; a change of status at once. */
  publishMs: 10 * SECOND,
  /** Slots of one agent, and those in line for one. */
  slotsPerAgent: 10_000,
  waitersPerAgent: 20_000,
  /** Starts that a rate may count: each is kept until its period is over. */
  rateCount: 1_000,
  rateSlackMs: 50,
  /** A call waits for a start that is this near; it holds a place or a claim meanwhile, whose grace is longer … */
  startNearMs: 5 * SECOND,
  /** … and one that gave way comes back so long before, lest it be late. */
  startLeadMs: 2 * SECOND,
  /** Each place that a task has in line puts its next one this much later. */
  fairnessMs: 1 * SECOND,
  /** Cooldowns of a breaker double up to this. */
  breakerCooldownMs: 10 * MINUTE,
  /** How long one answer that asks for patience keeps the calls of all tasks from its agent: one of them finds out whether it goes on. */
  patienceMs: 60 * SECOND,
  /** How often the consumer of a queued call says that it is there: calls that are over sooner cost no request more. */
  renewMs: 2.5 * SECOND,
  /** Silent intervals after which an agent with heartbeats is offline; failed probes after which one is unhealthy. */
  missedHeartbeats: 3,
  failedProbes: 3,
  probeMs: 5 * SECOND,
  /** Candidates that a receipt names: those chosen, the best of the others, and the first of those ruled out. */
  receiptCandidates: 12,
  /** Work handed to a pulling agent at once, and how long it may wait for some. */
  claimAttempts: 100,
  claimWaitMs: 60 * SECOND,
  /** Inputs handed out in one claim: no more is added once there is this much; with one more value an RPC carries it. */
  claimBytes: 8 * MIB,
  /** How often a worker that waits is written to: sixty bytes a minute, and one that has hung up is noticed in two. */
  claimBeatMs: 1 * SECOND,
  /** How long a worker that is written to has to turn out to be gone, twice, before it is given work. */
  claimProbeMs: 15,
  /** How often a worker that waits may be woken for nothing before its claim is answered. */
  claimTurns: 20,
  /** Connections of workers that wait for work of one agent. */
  claimSockets: 1_000,
  agentCardBytes: 256 * KIB,
  /** A schema of a capability, in characters; an agent's record is a row of D1 with up to a hundred of them. */
  capabilitySchemaBytes: 32 * KIB,
  agentRecordBytes: 128 * KIB,
  /** All agents of a tenant together: every isolate that chooses among them keeps them at hand. */
  directoryBytes: 8 * MIB,
  /** Capabilities whose statistics an agent's object publishes, the latest used first. */
  publishedCapabilities: 20,
  /** Waiting tasks woken by one registration; the others look again within `agentLookMs`. */
  pokes: 100,
} as const;
