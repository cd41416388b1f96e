/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as LANGUAGE } from "../language/limits.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1_000;

export const LIMITS = {
  ...LANGUAGE,

  /** Steps of a task, those of all items and iterations included: each is a few hundred bytes of an isolate's 128 MB. */
  stepsOfTask: 20_000,
  /** A map of more items is spread over tasks of its own, so many items each, and so many of them at once. */
  mapInline: 200,
  mapChunk: 100,
  mapChildren: 20,
  /** Signals that came early and wait for their step; names and keys of all that came. */
  keptSignals: 10_000,
  /** Decisions after which an approval is edited no more: each edit asks everybody anew, and all of them travel in one message. */
  approvalDecisions: 20,
  /** Links of one approval that were withdrawn: each is kept. */
  withdrawnLinks: 100,

  /** A value up to this size also stays in memory with the task's state: ten thousand of them fit. */
  residentValueBytes: 1 * KIB,
  /** All values of a task that are not that small: they are read one after the other, but exported, forked and kept together. */
  taskBytes: 256 * MIB,

  /** What the holder of an attempt gets on top of its timeout before the attempt counts as lost. */
  leaseGraceMs: 10 * SECOND,
  /** How often a lost attempt is sent again. */
  resends: 10,
  /** An agent that asks for patience again and again, however little each time, is asked after pauses that double from here … */
  patienceLeastMs: 250,
  /** … up to this. */
  patienceMostMs: 30 * SECOND,
  /** Longest pause between looks for a missing agent; a registration wakes the task sooner. */
  agentLookMs: 60 * SECOND,
  /** A heartbeat is recorded when it moves the lease by at least this share of the timeout, else only answered. */
  heartbeatShare: 0.1,
  /** Heartbeats of an attempt that are recorded as they come: each is a row. Those after it bring no progress … */
  heartbeats: 10_000,
  /** … and at least so much time, so that they are a row a second at most. */
  heartbeatLeastMs: 1 * SECOND,
  /** How often is looked whether a call has left that waits for its turn: a wake-up each time, however eager the hedge. */
  hedgeLookMs: 100,

  /** From here on an agent was worth a queue message to tasks that began before there were relays. */
  slowAgentMs: 1 * SECOND,
  /** A call lines up for a place of the task itself while its turn comes this soon; a relay is at hand as quickly. */
  lineUpMs: 100,
  /** What a relay makes at once: the connections that the platform gives an object. */
  relayCalls: 6,
  /** Calls of a task that relays make: each is some KB here and there, and an object awaits it. Others go by queue. */
  relayedCalls: 1_000,
  /** An input that is larger goes by queue: what relays hold of a task is in memory twice. */
  relayedInputBytes: 1 * MIB,
  /** Attempts that brought nothing, as a step shows them. */
  pastAttempts: 10,
} as const;
