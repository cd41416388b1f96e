/**
 * What the journal adds up to. Nobody but the engine changes it, and only by folding events (`evolve`).
 *
 * S1. Everything here can be rebuilt from the journal; agendas and timers are indexes over the rest.
 * S2. A step that can be decided and is not is on an agenda: the engine never searches for work.
 * S3. A step of the graph may run many times, once in each frame of its block. Frames and steps are only ever added, up
 *     to a bound, so an index means the same for as long as the task lives.
 */
import type { By } from "../../shared/actor.ts";
import type { StepKind } from "../../language/kinds/table.ts";
import type { EndStatus } from "../facts/event.ts";
import { aspectStates, type AspectsOfChild, type AspectStates } from "../aspects/shapes.ts";
import type { Waiting } from "../facts/waiting.ts";
import { Agenda } from "./agenda.ts";
import type { Failure } from "../facts/failure.ts";
import type { Chained, TaskCreated } from "../facts/created.ts";
import { type Frame, isSettled, type Approval, type Step } from "./step-state.ts";
import type { Graph } from "../../language/graph.ts";
import { TimerHeap } from "./timers.ts";
import type { StoredValue } from "../facts/value.ts";
import type { AgentEvidence } from "../world.ts";

export type TaskStatus = "queued" | "running" | "waiting" | "paused" | EndStatus;

/** A signal that no step has taken yet. */
export interface KeptSignal {
  readonly seq: number;
  readonly payload: StoredValue;
}

/** The task must end, and undoes first what it has done. */
export interface Ending {
  readonly status: "failed" | "canceled" | "timed_out";
  readonly error: Failure | null;
  readonly reason: string | null;
  readonly actor: By | null;
}

/** What can be undone: a completed step, or what a task that a step had started did. */
export interface Undoable {
  readonly step: number;
  readonly child: { readonly branch: number; readonly undo: StoredValue } | null;
}

/** How undoing something came out: in a frame of this task, or by a task that does it. */
export interface Compensation {
  readonly step: string;
  readonly frame: Frame | null;
  readonly task: string | null;
  readonly branch: number | null;
  status: "running" | "completed" | "failed";
  error: Failure | null;
}

/** What a step, or a task that it had started, came to in the task whose past this one shares. */
export interface KeptStep {
  readonly kind: StepKind;
  readonly output: StoredValue;
  readonly of: string | null;
  readonly undo: StoredValue | null;
}

export interface KeptChild {
  readonly task: string;
  /** Of one that had completed. */
  readonly output: StoredValue | null;
  readonly failedItems: number;
  readonly of: string | null;
  readonly undo: StoredValue | null;
}

/** A task that a step has started; `after`: the one whose past it shares. */
export interface ChildState extends AspectsOfChild {
  readonly step: number;
  readonly branch: number;
  readonly startedAt: number;
  readonly after: string | null;
  /** It undoes what another one did, in this way. */
  readonly undoes?: StoredValue;
}

export interface TaskState extends AspectStates {
  readonly graph: Graph;
  readonly created: TaskCreated;
  readonly createdAt: number;
  input: StoredValue;
  /** The number of the last event. */
  seq: number;
  /** Of all values that are too large to stay in memory. */
  valueBytes: number;
  /** The last of the values that have rows of their own: those after it are new. */
  lastPayload: number;
  /** When the last event was recorded. */
  at: number;
  startedAt: number | null;
  paused: boolean;
  /** … because the task that started this one is. */
  pausedWithParent: boolean;
  /** When it last paused or went on, and its children have to. */
  steeredAt: number;
  ending: Ending | null;
  end: { readonly status: EndStatus; readonly at: number; readonly output: StoredValue | null; readonly error: Failure | null } | null;
  /** It completed with what it had when its budget was exhausted. */
  isPartial: boolean;
  archivedAt: number | null;
  /** What was started when it had ended. */
  chained: readonly Chained[];
  /** The workflow's own steps; it ends when they have settled. */
  readonly root: Frame;
  /** All steps there are so far: the workflow's own first, then those of each frame as it was opened. */
  readonly steps: Step[];
  readonly stepByPath: Map<string, Step>;
  /**
   * Attempts in flight; those of them whose arrival is unknown; those of them that the object itself awaits; those that a
   * queue's consumer has that says now and then that it is there.
   */
  live: number;
  unclaimed: number;
  inline: number;
  /** Calls that relays make, and how many of them each. */
  relayed: number;
  readonly relays: Map<string, number>;
  consumed: number;
  /** Attempts in line for a slot, and when the last of them joined. */
  queued: number;
  queuedAt: number;
  /** Slots of canceled attempts that are in use all the same, at most until their lease ends; by `step/attempt`. */
  readonly lingering: Map<string, { readonly agent: string; readonly until: number }>;
  /** Canceled attempts that somebody may be working on, at most until then; by `step/attempt`. */
  readonly unheard: Map<
    string,
    {
      readonly at: { readonly step: string; readonly attempt: number };
      readonly agent: string;
      readonly reason: string;
      readonly until: number;
    }
  >;
  /** How many choices of an agent the task has made, by what was asked for. */
  readonly choices: Map<string, number>;
  /** Steps in `waiting`, in the order they began to wait: all, and by what they wait for. */
  readonly waiting: Set<number>;
  readonly waitingFor: Map<Waiting["type"], Set<number>>;
  /** Steps in `retrying`, in the order they failed. */
  readonly retrying: Set<number>;
  /** Steps with steps inside them, while those are at work. */
  readonly open: Set<number>;
  /** Tasks that steps of this one have started and that have not been heard of, by id, and when the last of them was started. */
  readonly children: Map<string, ChildState>;
  childrenAt: number;
  /** Those that nobody wants any more and that are not known to have heard of it; why, and since when. */
  readonly orphans: Map<string, string>;
  orphansAt: number;
  /** Signals that came early, by name, and the steps that wait for one. */
  readonly signals: Map<string, KeptSignal[]>;
  readonly listening: Map<string, Set<number>>;
  keptSignals: number;
  /** Keys under which signals came, so that none counts twice, with the fingerprint of each. */
  readonly signalKeys: Map<string, string | undefined>;
  /** Steps that ask people, in order: an approval's number is its place here, from 1. */
  readonly approvals: number[];
  /** What aspects ask people, by number of the approval. */
  readonly asks: Map<number, Approval>;
  /** What can be undone, in the order in which it was done; and what became of undoing it. */
  readonly undoable: Undoable[];
  readonly compensations: Compensation[];
  /** What is kept of the task whose past this one shares: steps by path, tasks they had started by `path/branch`. */
  readonly kept: Map<string, KeptStep>;
  readonly keptChildren: Map<string, KeptChild>;
  /** Pending steps to decide; frames whose steps have all settled; open steps to go on with. */
  readonly agenda: Agenda<number>;
  readonly ended: Agenda<Frame>;
  readonly proceeding: Agenda<number>;
  /** Clocks that always run, and those that may only start something and so stand still while the task is paused. */
  readonly clocks: TimerHeap;
  readonly starts: TimerHeap;
  /** When steps look for an agent again: after all else that is due, for when they looked before is not recorded. */
  readonly looks: TimerHeap;
  /** Moments to ask second agents, and the steps that want one. */
  readonly hedges: TimerHeap;
  readonly hedgeable: Set<number>;
  /** What this task has seen of its agents, and how many attempts it has with each, in line ones included. */
  readonly evidenceByAgent: Map<string, AgentEvidence>;
  readonly busyByAgent: Map<string, number>;
  /** Calls by capability, and how many of them were hedges. */
  readonly callsByCapability: Map<string, { readonly calls: number; readonly hedges: number }>;
}

export function stepAt(state: TaskState, index: number): Step {
  const step = state.steps[index];
  if (step === undefined) throw new Error(`Defect: no step ${index}`);
  return step;
}

/** The step that an event is about. */
export function stepNamed(state: TaskState, path: string): Step {
  const step = state.stepByPath.get(path);
  if (step === undefined) throw new Error(`Defect: the journal names step "${path}", which the task lacks`);
  return step;
}

/** The steps that wait for something, first come first. */
export function waitersFor(state: TaskState, on: Waiting["type"]): ReadonlySet<number> {
  return state.waitingFor.get(on) ?? NOBODY;
}
const NOBODY: ReadonlySet<number> = new Set();

/** What people are asked under this number. */
export function approvalNumbered(state: TaskState, number: number): Approval | null {
  const index = state.approvals[number - 1];
  return state.asks.get(number) ?? (index === undefined ? null : stepAt(state, index).approval);
}

/** Steps that have not settled, the task's own and those inside them. */
export function* unsettledSteps(state: TaskState): Iterable<Step> {
  for (const step of state.steps) if (!isSettled(step.phase)) yield step;
}

/** The task's status. Waiting is seen, not stored: nothing is in flight and some step waits. */
export function statusOf(state: TaskState): TaskStatus {
  if (state.end !== null) return state.end.status;
  if (state.paused) return "paused";
  if (state.live > 0) return "running";
  if (state.waiting.size + state.retrying.size + state.queued + state.children.size > 0) return "waiting";
  return state.startedAt === null ? "queued" : "running";
}

/** Room for everything; the first frame is opened by whoever folds `task.created`. */
export function emptyState(graph: Graph, created: TaskCreated, at: number, root: Frame): TaskState {
  const state: TaskState = {
    graph,
    created,
    createdAt: at,
    input: created.input,
    seq: 0,
    valueBytes: 0,
    lastPayload: 0,
    at,
    startedAt: null,
    paused: false,
    pausedWithParent: false,
    steeredAt: 0,
    ending: null,
    end: null,
    isPartial: false,
    archivedAt: null,
    chained: [],
    root,
    steps: [],
    stepByPath: new Map(),
    live: 0,
    unclaimed: 0,
    inline: 0,
    relayed: 0,
    relays: new Map(),
    consumed: 0,
    queued: 0,
    queuedAt: 0,
    lingering: new Map(),
    unheard: new Map(),
    choices: new Map(),
    waiting: new Set(),
    waitingFor: new Map(),
    retrying: new Set(),
    open: new Set(),
    children: new Map(),
    childrenAt: 0,
    orphans: new Map(),
    orphansAt: 0,
    signals: new Map(),
    listening: new Map(),
    keptSignals: 0,
    signalKeys: new Map(),
    approvals: [],
    asks: new Map(),
    undoable: [],
    compensations: [],
    kept: new Map(),
    keptChildren: new Map(),
    agenda: new Agenda(),
    ended: new Agenda(),
    proceeding: new Agenda(),
    clocks: new TimerHeap(),
    starts: new TimerHeap(),
    looks: new TimerHeap(),
    hedges: new TimerHeap(),
    hedgeable: new Set(),
    evidenceByAgent: new Map(),
    busyByAgent: new Map(),
    callsByCapability: new Map(),
    ...aspectStates(created, graph),
  };
  if (created.deadline_at !== undefined) state.clocks.push({ at: created.deadline_at, type: "deadline" });
  return state;
}
