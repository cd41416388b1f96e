/**
 * Everything has a bound, and each bound has its reason here. Passing one is a rejection with a code, never a crash.
 * Local runs do not enforce the platform's limits; this file does.
 */
const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LIMITS = {
  // --- What a request may carry ---
  /** A submitted body: an isolate has 128 MB, and a parsed body weighs several times its text. */
  bodyBytes: 16 * MIB,
  /** Bodies that only name or configure something. */
  smallBodyBytes: 1 * MIB,
  /** Nesting of JSON: recursion over it must never exhaust the stack. */
  jsonDepth: 64,
  batchTasks: 100,
  pageSize: 1_000,
  defaultPageSize: 100,
  waitMs: 60 * SECOND,
  /** The first part of a wait, in which the object just keeps the caller: it is awake with the task's first steps anyway … */
  lingerMs: 1 * SECOND,
  /** … and for as long as it awaits agents itself. Afterwards a hibernating socket is cheaper. */
  lingerAwakeMs: 20 * SECOND,

  // --- Names and texts ---
  idLength: 128,
  nameLength: 128,
  textLength: 2_000,
  urlLength: 2_048,
  secretLength: 4_096,
  tags: 20,
  tagLength: 64,
  idempotencyKeyLength: 255,

  // --- Workflows ---
  steps: 10_000,
  /** Edges of the graph: a step that needs every earlier one fits, a complete graph of ten thousand does not. */
  needs: 200_000,
  /** Faults told at once, and so warnings. */
  faults: 100,
  /** Shapes that lint tells apart where a value may have one of several, as that of whichever agent answers. */
  shapeChoices: 50,
  /** How deep lint looks into a schema: one may refer to itself. */
  schemaDepth: 16,
  /** Expressions whose reads lint remembers: many steps say the same. */
  scannedExpressions: 2_000,
  /** Combinations of statuses for which lint asks a condition: four steps in three ways each, about a millisecond. */
  lintCombinations: 81,
  /** … and how often it asks anything, of a definition: about 0.1 s. */
  lintEvaluations: 10_000,
  expressionLength: 4_096,
  expressionNodes: 1_000,
  expressionDepth: 32,
  /** Sets of variables that expressions are compiled with, by isolate: each has its environment. */
  celEnvironments: 100,
  /** Expressions in one template string. */
  templateParts: 100,
  /** Steps of all comprehensions (`map`, `filter`, `exists` …) in one evaluation: about 0.1 s of CPU. */
  expressionIterations: 1_000_000,
  /** Compiled workflows an isolate keeps, by size of their text. */
  compiledGraphBytes: 8 * MIB,
  /** A registered definition is one row of D1, which holds 2 MB. */
  definitionBytes: 1_800 * KIB,
  workflowsPerTenant: 1_000,
  /** Names that a tenant has ever registered: what a deleted one's versions were numbered is remembered. */
  workflowNames: 10_000,
  versionsPerWorkflow: 1_000,
  /** Items of a map, those of them at once, iterations of a repeat, cases of a switch: a plan is bounded before it runs. */
  mapItems: 100_000,
  mapConcurrency: 1_000,
  repeatIterations: 10_000,
  switchCases: 100,
  /** Steps of a task, those of all items and iterations included: each is a few hundred bytes of an isolate's 128 MB. */
  stepsOfTask: 20_000,
  /** A map of more items is spread over tasks of its own, so many items each, and so many of them at once. */
  mapInline: 200,
  mapChunk: 100,
  mapChildren: 20,
  /** Signals that came early and wait for their step; names and keys of all that came. */
  keptSignals: 10_000,
  signalBytes: 1 * MIB,
  approvalsPerMessage: 20,
  /** Blocks inside blocks. */
  nesting: 8,
  variableLength: 64,
  assignees: 50,
  quorum: 20,
  /** Decisions after which an approval is edited no more: each edit asks everybody anew, and all of them travel in one message. */
  approvalDecisions: 20,
  chains: 10,
  /** Tasks inside each other. */
  childDepth: 20,
  /** Tasks that start each other in a row when they end. */
  chainDepth: 100,
  /** All channels of a workflow are one value in its row. */
  channelsPerWorkflow: 20,
  /** Workflows that a definition refers to, directly and through others: all of them travel with a task that starts. */
  libraryWorkflows: 50,
  libraryBytes: 4 * MIB,
  /** A YAML body, in tokens: each takes up to 500 bytes of memory and 10 µs, however short its text. Larger ones are JSON. */
  yamlTokens: 100_000,
  /** Values written as YAML: with its key one is eight tokens or so, and what was written should be read. */
  yamlValues: 10_000,
  /** Aliases in a YAML body. What they repeat counts towards its size. */
  yamlAliases: 100,
  /** Boxes and arrows of a diagram; beyond some hundreds nobody reads one. */
  diagramParts: 5_000,
  diagramLabelLength: 60,
  durationMs: 365 * DAY,
  attempts: 100,
  retryAfterMs: 7 * DAY,

  /** Characters times instructions of the patterns matched on a value, and items times items compared: a few seconds at worst. */
  schemaSteps: 300_000_000,

  // --- Values ---
  /** One value: an output, an input, a result. RPC carries 32 MiB, memory holds a few of these at once. */
  valueBytes: 16 * MIB,
  /** A value up to this size travels inside its event, a larger one in payload chunks (a row holds 2 MB). */
  inlineValueBytes: 32 * KIB,
  /** A value up to this size also stays in memory with the task's state: ten thousand of them fit. */
  residentValueBytes: 1 * KIB,
  /** One row of the journal or of payloads; the platform allows 2 MB, encodings and keys need room. */
  rowBytes: 1 * MIB,
  /** Recently read values an object keeps parsed, so that a fan-out does not read its input once per step. */
  valueCacheBytes: 8 * MIB,

  // --- The object ---
  /** Inputs applied in one flush, hence in one row. */
  flushInputs: 256,
  /** How long a reply that unlocks nothing waits for company. */
  companyMs: 8,
  /** While anything is dispatched but not known to have arrived, the alarm is at most this far away. */
  unclaimedMs: 30 * SECOND,
  /** What the holder of an attempt gets on top of its timeout before the attempt counts as lost. */
  leaseGraceMs: 10 * SECOND,
  /** The pause before a lost inline attempt is made again; it doubles. */
  lostPauseMs: 100,
  /** How often a lost attempt is sent again. */
  resends: 10,
  /** Sending again what nobody claimed: the pause doubles up to this. */
  resendMaxMs: 10 * MINUTE,
  /** Longest pause between looks for a missing agent; a registration wakes the task sooner. */
  agentLookMs: 60 * SECOND,
  /** Alarms in a row that may fail before the task is sealed; the platform gives up after six. */
  alarmFailures: 4,
  /** Live readers of one task. */
  sockets: 1_000,
  /** What the object sends a follower in one go; who is further behind reconnects from where it stopped. */
  replayBytes: 4 * MIB,
  /** What one WebSocket of a caller is sent before it has to be opened again. */
  socketBytes: 16 * MIB,
  /** A value inside an event as readers get it; larger ones are named by size and read on their own. */
  eventValueBytes: 8 * KIB,
  /** Steps in the view of a task; the rest are pages of `/steps`. */
  viewSteps: 1_000,
  /** A heartbeat is recorded when it moves the lease by at least this share of the timeout, else only answered. */
  heartbeatShare: 0.1,
  /** Heartbeats of an attempt that are recorded as they come: each is a row. Those after it bring no progress … */
  heartbeats: 10_000,
  /** … and at least so much time, so that they are a row a second at most. */
  heartbeatLeastMs: 1 * SECOND,
  progressBytes: 4 * KIB,

  /** A second agent that is due to be asked this soon is worth a timer; later, an alarm. */
  hedgeTimerMs: 10 * SECOND,
  /** How often is looked whether a call has left that waits for its turn: a wake-up each time, however eager the hedge. */
  hedgeLookMs: 100,

  // --- Agents ---
  agentsPerTenant: 1_000,
  capabilitiesPerAgent: 100,
  /** How old an object's or an isolate's picture of the agents may be. */
  directoryAgeMs: 10 * SECOND,
  /** Agents whose lines a reader of a task is told its places in. */
  positionAgents: 20,
  /** URLs an isolate remembers having checked. */
  urlVerdicts: 1_000,
  /** Secrets an isolate keeps open. */
  openedSecrets: 1_000,
  /** Tenants whose agents an isolate remembers. */
  directoryTenants: 100,
  /** Awaited requests of one object; the platform allows six. */
  inlineCalls: 6,
  /** From here on an agent is worth a queue message: an awaiting object is billed. */
  slowAgentMs: 1 * SECOND,
  /** The longest a request to an agent is awaited: queue consumers live 15 minutes. Longer work calls back. */
  awaitMs: 14 * MINUTE,
  /** A best-effort request such as telling an agent that its work was canceled. */
  courtesyCallMs: 5 * SECOND,
  errorMessageLength: 1_000,
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
  /** A level of priority is worth this much waiting … */
  agingMs: 30 * SECOND,
  /** … and each place that a task has in line puts its next one this much later. */
  fairnessMs: 1 * SECOND,
  /** How long the holder of a slot is trusted before it is asked whether it still holds it. */
  slotVerifyMs: 30 * SECOND,
  /** How long a holder may fail to answer that: longer than any outage that is not its own, so that a slot is not lost for good. */
  slotDoubtMs: 1 * HOUR,
  /** A step that an agent's line turned away does not ask there again before this. */
  declineMs: 1 * SECOND,
  /** Cooldowns of a breaker double up to this. */
  breakerCooldownMs: 10 * MINUTE,
  /** Silent intervals after which an agent with heartbeats is offline; failed probes after which one is unhealthy. */
  missedHeartbeats: 3,
  failedProbes: 3,
  probeMs: 5 * SECOND,
  /** Candidates that a receipt names: those chosen, the best of the others, and the first of those ruled out. */
  receiptCandidates: 12,
  /** Attempts that brought nothing, as a step shows them. */
  pastAttempts: 10,
  /** Agents that a step names as not wanted. */
  excludedAgents: 100,
  /** Fallbacks of a step, and agents asked at once. */
  fallbacks: 10,
  ensembleAgents: 10,
  /** Work handed to a pulling agent at once, and how long it may wait for some. */
  claimAttempts: 100,
  claimWaitMs: 60 * SECOND,
  /** Inputs handed out in one claim: no more is added once there is this much; with one more value an RPC carries it. */
  claimBytes: 8 * MIB,
  /** How often a worker that waits is written to: sixty bytes a minute, and one that has hung up is noticed in two. */
  claimBeatMs: 1 * SECOND,
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

  // --- The flight recorder ---
  /** All that a fork is made of, as it travels between objects: RPC carries 32 MiB. */
  forkBytes: 24 * MIB,
  /** Lines of an export that travel together, unless a single one is longer. */
  exportPageBytes: 4 * MIB,
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

  // --- Gates ---
  /** Tasks that one key may let run, and those in line for a place: an object's memory, a few hundred bytes each. */
  gateLimit: 10_000,
  gateLine: 100_000,
  /** A key is a part of its object's name, which the platform bounds; in characters, up to four bytes each. */
  gateKeyLength: 200,
  /** A place kept for a task that is being submitted. Longer than any submission takes, its repetition included. */
  gateReserveMs: 60 * SECOND,
  /** The pause between two messages to a task that is to be canceled, until it has ended. */
  gateTellMs: 10 * SECOND,
  /** A submission that gets what exists waits so long, so often, for that to be created: its own submission is under way. */
  gateExistingMs: 50,
  gateExistingLooks: 40,
  /** A burst of submissions, at most from its first to its end. */
  debounceMs: 7 * DAY,
  /** Facts in the journal of a task that stands for one, an input each; the next submission begins another. */
  debounceFacts: 1_000,
  /** Bursts that a submission finds over, one after the other, before it is told to come again. */
  debounceTries: 5,

  // --- History ---
  /** A task that ends sooner is written to D1 once. */
  historyQuietMs: 250,
  /** A wait this long is worth a row. */
  historyWaitMs: 10 * SECOND,
  /** The end of a task to its archive: the answer to who waits, and the rest of a burst, go first. */
  archiveDelayMs: 1 * SECOND,
  /** … and to the alarm that archives it if this instance could not. */
  archiveLatestMs: 60 * SECOND,
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

  // --- Bulk orders ---
  /** Tasks that something is done to in one go, and at a time: a question each, of which an object may ask a thousand. */
  bulkPage: 100,
  bulkAtOnce: 10,
  /** What went wrong, as a result tells it: the first. */
  bulkErrors: 20,

  // --- Webhooks ---
  /** Each of them is told of every task that it wants to hear of. */
  webhooksPerTenant: 100,
  /** Those that came with tasks: a row each, until none has been used for `deliveryRetentionMs`. */
  adHocWebhooksPerTenant: 10_000,
  /** How exactly it is known when one of them was used last: a write each. */
  webhookUsedMs: 1 * DAY,
  /** How old an isolate's picture of a tenant's webhooks may be, and of how many tenants it has one. */
  webhookAgeMs: 10 * SECOND,
  webhookTenants: 1_000,
  /** What an endpoint is sent: an output that does not fit is named by its size. */
  webhookBodyBytes: 64 * KIB,
  /** How long an endpoint may take to answer; as common among senders. */
  webhookTimeoutMs: 15 * SECOND,
  /** Requests of one endpoint that are awaited at once; the platform allows an object six. */
  webhookSends: 4,
  /** … and begun in one go, before an alarm goes on: the platform bounds what follows from one event. */
  webhookSendsInOneGo: 200,
  /** While something is being sent the alarm is at most this far away: the instance may be lost. Longer than a request takes. */
  webhookLeaseMs: 30 * SECOND,
  /** Alarms for one delivery after the other are at least this far apart. */
  webhookTickMs: 1 * SECOND,
  /** How often the object of a disabled endpoint looks whether it was enabled; whoever enables it says so. */
  webhookLookMs: 1 * HOUR,
  /** The longest pause that an endpoint can ask for between two tries. */
  webhookRetryAfterMs: 1 * DAY,
  /** Deliveries of an endpoint that wait; beyond it the oldest are given up. With bodies 640 MB of the object's 10 GB. */
  deliveriesWaiting: 10_000,
  /** What an endpoint's log keeps: settled deliveries, tries of one, and for how long. */
  deliveriesKept: 1_000,
  triesKept: 20,
  deliveryRetentionMs: 30 * DAY,
  /** Deliveries between two looks at these bounds: looking reads the log. */
  deliveriesPerTrim: 100,
  /** An endpoint is disabled after so many deliveries given up in a row, or so long without one that arrived. */
  givenUpInRow: 100,
  failingMs: 10 * DAY,
  /** A secret that was replaced signs beside the new one for so long, and so many of them do. */
  secretOverlapMs: 1 * DAY,
  earlierSecrets: 3,

  // --- Schedules ---
  schedulesPerTenant: 1_000,
  /** A schedule with its task, which its object keeps as one value; a larger workflow is registered, a larger input fetched. */
  scheduleBytes: 256 * KIB,
  cronLength: 256,
  timeZoneLength: 64,
  /** The shortest interval; cron has nothing shorter either. */
  scheduleEveryMs: 1 * SECOND,
  /** A run that starts later than this counts as missed: alarms are punctual, but a deploy or a retried one costs seconds. */
  scheduleGraceMs: 10 * SECOND,
  /** Runs that are decided upon and not started yet; while there are so many no time is looked at. Bounds the work of an alarm. */
  scheduleStarts: 20,
  /** Tasks of a schedule that are remembered as running, the latest. */
  scheduleRunning: 20,
  /** Times of a cron that are counted one by one when they were missed: each takes a tenth of a millisecond or two. */
  scheduleCount: 1_000,
  /** What a schedule's log keeps, and entries between two looks at that. */
  scheduleRunsKept: 1_000,
  scheduleRunsPerTrim: 100,
  /** Looks whether the run has ended that another waits for: as often as a share of the wait so far, within these. */
  scheduleLookShare: 0.25,
  scheduleLookMs: 1 * SECOND,
  scheduleLookMaxMs: 60 * SECOND,
  /** A start that met trouble is made again after a second, doubling up to this … */
  scheduleRetryMs: 1 * SECOND,
  scheduleRetryMaxMs: 60 * SECOND,
  /** … and given up after so many times, if the trouble is none that passes. */
  scheduleTries: 5,
  /** While something is being done the alarm is at most this far away: the instance may be lost. */
  scheduleLeaseMs: 30 * SECOND,
  /** The alarm of a time that is far away is on the way there: the rules of time zones change. */
  scheduleAlarmMs: 1 * DAY,
  /** Coming times listed, unless told otherwise and at most. */
  scheduleNext: 10,
  scheduleNextMax: 100,
  /** What is suggested instead of a schedule that cannot be: how many, and how many coming times of each. */
  suggestions: 3,
  suggestionTimes: 3,
  // --- Estimates ---
  /** Simulated runs of one policy: beyond ten thousand its quantiles do not move any more. */
  estimateRuns: 10_000,
  /** Steps simulated for one answer, over all runs and policies: some three seconds of processor, in slices. A large workflow gets fewer runs … */
  estimateSteps: 1_000_000,
  /** … of one run, whose steps are in memory together (some 300 bytes each) … */
  estimateRunSteps: 120_000,
  /** … but at least so many: quantiles of less say nothing. */
  estimateLeastRuns: 3,
  /** Steps simulated in one go, before other requests have their turn: about 50 ms. */
  estimateSliceSteps: 25_000,
  /** Agents looked at for the steps of a plan; one whose schema the input is checked against counts several times. */
  estimateLooks: 200_000,
  /** Agents of a step among whom every simulated choice is made; selection would hardly ever take another. */
  estimateCandidates: 40,
  /** Working out what is known: steps of all comprehensions, and parts of what they make. About half a second. */
  estimateIterations: 3_000_000,
  /** Assumptions and warnings that an answer tells; steps that it names as dominating. */
  estimateNotes: 100,
  estimateDominators: 20,
  /** Steps that a caller assumes something of. */
  estimateAssumptions: 1_000,
  estimatePolicies: 8,
  /** Batches that the platform delivers at the same time, and messages of one (its setting in `wrangler.toml`). */
  queueConsumers: 250,
  queueBatch: 6,
  // --- Templates ---
  /** Of one page: each is read from a definition, which may be large … */
  templates: 50,
  /** … and so may its input schema: a larger one is told by `GET /templates/{type}` only. */
  templateSchemaBytes: 16 * KIB,
  /** Parameters that are told. */
  templateParameters: 100,
  /** Values that an example consists of. */
  exampleParts: 1_000,

  // --- Result cache ---
  /** Objects that share the keys of a tenant: each answers some hundred requests a second. */
  cacheShards: 8,
  /** Of an object: its index is in memory, an entry in about 300 bytes. */
  cacheEntries: 10_000,
  cacheBytes: 64 * 1024 * KIB,
  /** One row of its table, which may have 2 MB; a larger result is made again. */
  cacheValueBytes: 1 * MIB,
  cacheTtlMs: 30 * DAY,
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

  // --- Budgets ---
  /** So that sums of any number of them, money in millionths of a dollar, are exact. */
  budgetUsd: 1_000_000,
  budgetTokens: 1_000_000_000_000,
  budgetCalls: 1_000_000_000,

  // --- Keys ---
  /** A revocation is felt everywhere within this. */
  keyCacheMs: 60 * SECOND,
  keyCacheEntries: 1_000,
  keysPerTenant: 1_000,
  rootKeyLength: 32,
  /** Requests of a caller that one permission of the rate limiter covers (its limit, in `wrangler.toml`, counts those). */
  requestsPerPermit: 100,
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
  priority: 5,
  /** How long a burst of submissions may last, in times of the pause that ends it. */
  debounceTimes: 10,
  approvalLinkMs: 7 * DAY,
  taskRetentionMs: 7 * DAY,
  historyRetentionMs: 90 * DAY,
} as const;
