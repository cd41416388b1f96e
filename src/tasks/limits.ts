/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as RELAYS } from "../relays/limits.ts";
import { LIMITS as GATES } from "../gates/limits.ts";
import { LIMITS as CACHE } from "../cache/limits.ts";
import { LIMITS as WORKFLOWS } from "../workflows/limits.ts";
import { LIMITS as WEBHOOKS } from "../webhooks/limits.ts";
import { LIMITS as HTTP } from "../http/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const LIMITS = {
  ...RELAYS,
  ...GATES,
  ...CACHE,
  ...WORKFLOWS,
  ...WEBHOOKS,
  ...HTTP,

  batchTasks: 100,
  /** The first part of a wait, in which the object just keeps the caller: it is awake with the task's first steps anyway … */
  lingerMs: 1 * SECOND,
  /** … and for as long as it awaits agents itself. Afterwards a hibernating socket is cheaper. */
  lingerAwakeMs: 20 * SECOND,

  idempotencyKeyLength: 255,
  /** A filter by who submitted: a type and an id. */
  actorKeyLength: 300,

  /** An agent's input, which may be made of several values: as much as two of the largest. */
  callInputBytes: 32 * MIB,
  signalBytes: 1 * MIB,
  /** Approvals in one message, and in one statement that writes them: each may hold some 40 KB of comments, and D1 binds 2 MB. */
  approvalsPerMessage: 20,
  /** Tasks inside each other. */
  childDepth: 20,
  /** Tasks that start each other in a row when they end. */
  chainDepth: 100,

  /** Tasks that one family starts in an isolate: a healthy one is not slowed, a hostile one leaves time for others … */
  familyStarts: { atOnce: 50, perSecond: 12 },
  /** … as do many families of one tenant. */
  tenantStarts: { atOnce: 200, perSecond: 50 },
  /** A turn to start a task is waited for so long by an object that is awake; a later one is left to its alarm. */
  startTurnMs: 10 * SECOND,

  /** Tasks that are known beforehand to come of a workflow, and are few: they are set aside as they are. */
  familyFew: 1_000,

  /** A value up to this size travels inside its event, a larger one in payload chunks (a row holds 2 MB). */
  inlineValueBytes: 32 * KIB,
  /** A larger output is read in chunks of this size while its reader takes it: nobody keeps a whole one in memory by reading slowly. */
  valueChunkBytes: 256 * KIB,
  /** One row of the journal or of payloads; the platform allows 2 MB, encodings and keys need room. */
  rowBytes: 1 * MIB,
  /** Rows of its journal that an instance keeps as it wrote them, so that the archive need not read them again. */
  residentJournalUnits: 64 * KIB,
  /** Recently read values an object keeps parsed, so that a fan-out does not read its input once per step. */
  valueCacheBytes: 8 * MIB,

  /** A task that rests because its turn was long goes on after this: others get in between. */
  turnPauseMs: 100,
  /** Inputs applied in one flush, hence in one row. */
  flushInputs: 256,
  /** How long a reply that unlocks nothing waits for company. */
  companyMs: 8,
  /** While anything is dispatched but not known to have arrived, the alarm is at most this far away. */
  unclaimedMs: 30 * SECOND,
  /** A lease that ends so late ends later still by as much: its reply may be on its way in. */
  lateLeaseMs: 500,
  /** A consumer of a queued call is silent after this: it has said nothing twice … */
  consumerSilentMs: 7 * SECOND,
  /** … and dead when it says nothing for so long again. With the alarm half a minute away its attempt is sent again within a minute. */
  consumerLookMs: 12 * SECOND,
  /** What one agent is told of cancellations at once: the task's own calls want the connections, too. */
  cancelsAtOnce: 3,
  /** The pause before an agent that did not answer is told again; it doubles … */
  cancelAgainMs: 1 * SECOND,
  /** … and after so long it is told no more. */
  cancelTellMs: 5 * MINUTE,
  /** What is said when a task has ended may take so long before the task is put away. */
  cancelWaitMs: 5 * SECOND,
  /** The pause before a lost inline attempt is made again; it doubles. */
  lostPauseMs: 100,
  /** Sending again what nobody claimed: the pause doubles up to this. */
  resendMaxMs: 10 * MINUTE,
  /** Alarms in a row that may fail before the task is sealed; the platform gives up after six. */
  alarmFailures: 4,
  /** How often the runtime may die in a row under a task that gets no further, before the task is sealed … */
  deaths: 5,
  /** … and the pause after the first time; each is three times the one before. */
  deathPauseMs: 500,
  deathPauseMaxMs: 1 * MINUTE,
  /** How long after its beginning a death counts as that of what was begun: what kills the process does so at once. */
  deathWindowMs: 300,
  /** A call has begun when it leaves; until then its agent is looked up, which takes no longer than this. */
  deathStartMs: 2 * SECOND,
  /** Something that should have been done so long ago was cut off, most likely. */
  lateMs: 1 * SECOND,
  /** Steps in the view of a task; the rest are pages of `/steps`. */
  viewSteps: 1_000,
  progressBytes: 4 * KIB,
  /** A second agent that is due to be asked this soon is worth a timer; later, an alarm. */
  hedgeTimerMs: 10 * SECOND,

  /** Agents whose lines a reader of a task is told its places in. */
  positionAgents: 20,

  /** All that a fork is made of, as it travels between objects: RPC carries 32 MiB. */
  forkBytes: 24 * MIB,
  /** Lines of an export that travel together, unless a single one is longer: so much is kept of it for who does not read. */
  exportPageBytes: 1 * MIB,
  /** Tasks that are listed again in one request: each writes its archive, which may be large. */
  relistedTasks: 100,
  /** A file that is imported: as text, as lines, as events and as an archive it is in memory at once. */
  importBytes: 8 * MIB,
  /** Values of a task that are read to compare it with another, and those of them that are shown: all, and one … */
  diffReadBytes: 32 * MIB,
  diffShownBytes: 4 * MIB,
  diffValueBytes: 256 * KIB,
  /** … with so many changes of a value, parts that weigh no more than this, and so many steps. */
  diffChanges: 100,
  diffPartLength: 1_024,
  diffSteps: 500,

  /** A submission that gets what exists waits so long, so often, for that to be created: its own submission is under way. */
  gateExistingMs: 50,
  gateExistingLooks: 40,
  /** Facts in the journal of a task that stands for one, an input each; the next submission begins another. */
  debounceFacts: 1_000,
  /** Bursts that a submission finds over, one after the other, before it is told to come again. */
  debounceTries: 5,

  /** A task that ends sooner is written to D1 once. */
  historyQuietMs: 250,
  /** A wait this long is worth a row. */
  historyWaitMs: 10 * SECOND,
  /** An alarm waits so long for history to take what it is owed, before the task goes on. */
  historyWriteMs: 1 * SECOND,
  /** The end of a task to its archive: the answer to who waits, and the rest of a burst, go first. */
  archiveDelayMs: 1 * SECOND,
  /** … and to the alarm that archives it if this instance could not. */
  archiveLatestMs: 30 * SECOND,
  /** Archives of an isolate that are written together: so many, so much (D1 binds 2 MB), each no larger than this … */
  gatheredTogether: 50,
  gatheredUnits: 256 * KIB,
  gatheredArchiveUnits: 32 * KIB,
  /** … of as many as may lie ready: what is beyond that is written by itself. */
  gatheredTasks: 500,
  /** How long a task waits for another one to write its archive, looking again and again, before it does so itself. */
  gatherWaitMs: 5 * SECOND,
  gatherLookMs: 50,
  /** One part of an archive; D1 binds values up to 2 MB. */
  archivePartBytes: 1 * MIB,
  /** A single value larger than this stays in the object until its retention ends. */
  archiveValueBytes: 1 * MIB,
  /** All of a task's archive; D1 is 10 GB. Beyond it values are left out, facts never. */
  archiveBytes: 32 * MIB,
  /** An archive that KV keeps at hand after it was read, and for how long. */
  archiveCacheBytes: 8 * MIB,
  archiveCacheSeconds: 3_600,
  /** A deleted task's rows are deleted once more after this: some may have been in a queue, and a queue's retries take minutes. */
  deleteAgainMs: 1 * HOUR,
  /** Tasks deleted in one step of the purge, and steps in one run of it. */
  purgeRows: 500,
  purgeSteps: 100,
} as const;
