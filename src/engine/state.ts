/**
 * What the journal adds up to. Nobody but the engine changes it, and only by folding events (`evolve`).
 *
 * S1. Everything here can be rebuilt from the journal; `agenda` and the timers are indexes over the rest.
 * S2. A step that can be decided and is not is on the agenda: the engine never searches for work.
 */
import type { Json } from "../shared/json.ts";
import type { Graph, StepNode } from "./graph.ts";
import type { CancelReason, Failure, SkipReason, TaskCreated, WaitingForAgent, Way } from "./event.ts";
import type { AgentEvidence } from "./world.ts";
import type { NeedCounts } from "./run-if.ts";
import type { Target } from "./staffing.ts";
import { Agenda } from "./agenda.ts";
import { TimerHeap } from "./timers.ts";
import type { StoredValue } from "./value.ts";

export type EndStatus = "completed" | "failed" | "canceled" | "timed_out" | "rejected";
export type TaskStatus = "queued" | "running" | "waiting" | "paused" | EndStatus;
export type StepStatus = Phase["status"];

/** An attempt under way. `(step, number)` is its fence: a number is never used twice. */
export interface Attempt {
  readonly number: number;
  readonly agent: string;
  /** `null` while it is in line for one of the agent's slots. */
  readonly way: Way | null;
  readonly startedAt: number;
  /** What it was chosen for; `null` where the step names the agent. */
  readonly capability: string | null;
  /** It holds one of the agent's slots, or is in line for one. */
  readonly slot: boolean;
  /** It was made because another one takes long. */
  readonly hedge: boolean;
  readonly hedgeAt: number | null;
  /** Where the agent allows less than the step. */
  readonly timeoutMs: number | null;
  /** How often it was found lost and sent again. */
  readonly losses: number;
  readonly claim: Claim | null;
}

/** How the attempt is known to have arrived, and until when its holder is trusted. An inline one is held by the object itself. */
export type Claim =
  | { readonly via: "queue"; readonly delivery: number; readonly leaseUntil: number }
  | { readonly via: "callback" | "pull"; readonly leaseUntil: number };

/** One arm per status, so that a field exists only while it means something. */
export type Phase =
  | { readonly status: "pending" }
  /** `seq`: the event that says why. */
  | { readonly status: "waiting"; readonly waitingOn: WaitingForAgent; readonly since: number; readonly seq: number; lookAt: number }
  | { readonly status: "running"; readonly live: readonly Attempt[] }
  | { readonly status: "retrying"; readonly retryAt: number }
  | { readonly status: "completed"; readonly output: StoredValue; readonly degraded: Failure | null }
  | { readonly status: "failed"; readonly error: Failure }
  | { readonly status: "skipped"; readonly reason: SkipReason }
  | { readonly status: "canceled"; readonly reason: CancelReason };

export interface StepState {
  phase: Phase;
  readonly needs: NeedCounts;
  /** The number of the last attempt, 0 before the first. */
  attempts: number;
  /** Rounds with the present target: an attempt with its hedge, or all of an ensemble. */
  tries: number;
  /** Which of the step's targets is asked: 0, then its fallbacks. */
  target: number;
  /** Why it goes on with a fallback. */
  degraded: Failure | null;
  /** Numbers of the events that say why its agents were chosen. */
  selections: number[] | null;
  /** Attempts that brought nothing, the last of them. */
  past: PastAttempt[] | null;
  /** Agents that failed it. */
  tried: Set<string> | null;
  /** Agents whose line turned it away, and until when. */
  declined: Map<string, number> | null;
  /** Since when it has been without an agent at work. */
  waitingSince: number | null;
  /** Replies of the present round of an ensemble. */
  replied: EnsembleReply[] | null;
  /** Why an attempt of the present round failed. */
  roundError: Failure | null;
  /** The agent of the last attempt. */
  agent: string | null;
  startedAt: number | null;
  /** Sequence number of `step.started`: what settled later is invisible to the step's expressions. */
  startedSeq: number | null;
  settledAt: number | null;
  settledSeq: number | null;
  heartbeats: number;
  /** Why the last attempt failed. */
  error: Failure | null;
  /** Digests of the called-back replies that settled attempts, by attempt. */
  replies: Map<number, string> | null;
}

/** What became of an attempt that did not bring the step's output. */
export interface PastAttempt {
  readonly attempt: number;
  readonly agent: string;
  readonly end: "failed" | "canceled" | "declined";
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

export interface EnsembleReply {
  readonly attempt: number;
  readonly agent: string;
  readonly output: StoredValue;
  readonly key: string | null;
  readonly score: number | null;
}

export interface TaskState {
  readonly created: TaskCreated;
  readonly createdAt: number;
  readonly input: StoredValue;
  /** The number of the last event. */
  seq: number;
  /** When the last event was recorded. */
  at: number;
  startedAt: number | null;
  paused: boolean;
  end: { readonly status: EndStatus; readonly at: number; readonly output: StoredValue | null; readonly error: Failure | null } | null;
  archivedAt: number | null;
  readonly steps: readonly StepState[];
  /** Steps that have not settled. */
  unsettled: number;
  /** The first failure that makes the task fail. */
  failure: Failure | null;
  /** Attempts in flight; those of them whose arrival is unknown; those of them that the object itself awaits. */
  live: number;
  unclaimed: number;
  inline: number;
  /** Attempts in line for a slot, and when the last of them joined. */
  queued: number;
  queuedAt: number;
  /** Slots of canceled attempts that are in use all the same, at most until their lease ends; by `step/attempt`. */
  readonly lingering: Map<string, { readonly agent: string; readonly until: number }>;
  /** How many choices of an agent the task has made, by what was asked for. */
  readonly choices: Map<string, number>;
  /** Steps in `waiting`, in the order they began to wait. */
  readonly waiting: Set<number>;
  /** Steps in `retrying`, in the order they failed. */
  readonly retrying: Set<number>;
  readonly agenda: Agenda;
  /** Clocks that always run, and those that may only start something and so stand still while the task is paused. */
  readonly clocks: TimerHeap;
  readonly starts: TimerHeap;
  /** Moments to ask second agents, and the steps that want one. */
  readonly hedges: TimerHeap;
  readonly hedgeable: Set<number>;
  /** What this task has seen of its agents, and how many attempts it has with each, in line ones included. */
  readonly evidenceByAgent: Map<string, AgentEvidence>;
  readonly busyByAgent: Map<string, number>;
  /** Calls by capability, and how many of them were hedges. */
  readonly callsByCapability: Map<string, { readonly calls: number; readonly hedges: number }>;
}

export function initialState(graph: Graph, created: TaskCreated, at: number): TaskState {
  const state: TaskState = {
    created,
    createdAt: at,
    input: created.input,
    seq: 0,
    at,
    startedAt: null,
    paused: false,
    end: null,
    archivedAt: null,
    steps: graph.steps.map(initialStep),
    unsettled: graph.steps.length,
    failure: null,
    live: 0,
    unclaimed: 0,
    inline: 0,
    queued: 0,
    queuedAt: 0,
    lingering: new Map(),
    choices: new Map(),
    waiting: new Set(),
    retrying: new Set(),
    agenda: new Agenda(),
    clocks: new TimerHeap(),
    starts: new TimerHeap(),
    hedges: new TimerHeap(),
    hedgeable: new Set(),
    evidenceByAgent: new Map(),
    busyByAgent: new Map(),
    callsByCapability: new Map(),
  };
  for (const step of graph.steps) if (step.needs.length === 0) state.agenda.push(step.index);
  if (created.deadline_at !== undefined) state.clocks.push({ at: created.deadline_at, type: "deadline" });
  return state;
}

function initialStep(node: StepNode): StepState {
  return {
    phase: PENDING,
    needs: { unsettled: node.needs.length, completed: 0, failed: 0, absent: 0 },
    attempts: 0,
    tries: 0,
    target: 0,
    degraded: null,
    selections: null,
    past: null,
    tried: null,
    declined: null,
    waitingSince: null,
    replied: null,
    roundError: null,
    agent: null,
    startedAt: null,
    startedSeq: null,
    settledAt: null,
    settledSeq: null,
    heartbeats: 0,
    error: null,
    replies: null,
  };
}

const PENDING: Phase = { status: "pending" };

export function stepStateAt(state: TaskState, index: number): StepState {
  const step = state.steps[index];
  if (step === undefined) throw new Error(`Defect: no state of step ${index}`);
  return step;
}

export function indexOf(graph: Graph, step: string): number {
  const index = graph.indexById.get(step);
  if (index === undefined) throw new Error(`Defect: the journal names step "${step}", which the workflow lacks`);
  return index;
}

/** The attempt in flight under this number, or `undefined` when the fence is passed. */
export function liveAttempt(step: StepState, number: number): Attempt | undefined {
  return step.phase.status === "running" ? step.phase.live.find((attempt) => attempt.number === number) : undefined;
}

export function isSettled(phase: Phase): boolean {
  switch (phase.status) {
    case "completed":
    case "failed":
    case "skipped":
    case "canceled":
      return true;
    case "pending":
    case "waiting":
    case "running":
    case "retrying":
      return false;
  }
}

/** The task's status. Waiting is seen, not stored: nothing is in flight and some step waits. */
export function statusOf(state: TaskState): TaskStatus {
  if (state.end !== null) return state.end.status;
  if (state.paused) return "paused";
  if (state.live > 0) return "running";
  if (state.waiting.size + state.retrying.size + state.queued > 0) return "waiting";
  return state.startedAt === null ? "queued" : "running";
}

/** The status of a step as readers know it: with nothing but attempts in line it waits. */
export function stepStatus(phase: Phase): StepStatus {
  return phase.status === "running" && phase.live.every((attempt) => attempt.way === null) ? "waiting" : phase.status;
}

/** Whom the step asks now. */
export function targetOfStep(node: StepNode, step: StepState): Target {
  return node.targets[step.target] ?? node.targets[0];
}

/** What is asked for, as a word. */
export function keyOfTarget(target: Target): string {
  return target.type === "capability" ? target.capability : `agent ${target.agent}`;
}

/** An agent gets this key with every attempt at a step, so that it can recognise work it has done already. */
export function idempotencyKey(state: TaskState, node: StepNode): string {
  return `${state.created.task}/${node.id}/1`;
}

/** What expressions know of the task; nothing in it ever changes. */
export function taskVariable(state: TaskState): Json {
  const { task, task_type, workflow, priority, tags } = state.created;
  return {
    id: task,
    type: task_type ?? null,
    workflow: { name: workflow.name, version: workflow.version },
    priority,
    tags,
    created_at: new Date(state.createdAt).toISOString(),
  };
}
