/** One step in one frame: where it stands, and what came of it. */
import type { By } from "../../shared/actor.ts";
import type { CancelReason, SkipReason } from "../facts/event.ts";
import type { Failure } from "../facts/failure.ts";
import type { Way } from "../facts/call.ts";
import type { Waiting } from "../facts/waiting.ts";
import type { NodeOf, Block, StepNode } from "../../language/graph.ts";
import type { StepKind } from "../../language/kinds/table.ts";
import type { NeedCounts } from "../rules/run-if.ts";
import type { Target } from "../../language/staffing.ts";
import type { StoredValue } from "../facts/value.ts";
import type { Json } from "../../shared/json.ts";

/** One run of a block: the workflow itself, a case, an item, an iteration, or what undoes a step. */
export interface Frame {
  readonly block: Block;
  /** The step that this is inside of; `null` for the workflow itself. */
  readonly owner: Step | null;
  /** Which item, iteration or case; what undoes a step is none. */
  readonly branch: number | null;
  /** The place of its first step among all steps. */
  readonly base: number;
  readonly openedAt: number;
  unsettled: number;
  /** The first failure that makes it fail. */
  failure: Failure | null;
  /** What came of it is recorded. */
  isOver: boolean;
}

/** An attempt under way. `(step, number)` is its fence: a number is never used twice. */
export interface Attempt {
  readonly number: number;
  readonly agent: string;
  /** `null` while it is in line for one of the agent's slots. */
  readonly way: Way | null;
  /** Which relay makes the call; `null` where none does. */
  readonly relay: string | null;
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
  /** `renews`: it says now and then that it is there. */
  | { readonly via: "queue"; readonly delivery: number; readonly leaseUntil: number; readonly renews: boolean }
  | { readonly via: "callback" | "pull"; readonly leaseUntil: number };

/** One arm per status, so that a field exists only while it means something. */
export type Phase =
  | { readonly status: "pending" }
  /** `seq`: the event that says why. `lookAt`: when time alone moves it, `null` while only something from outside can. */
  | { readonly status: "waiting"; readonly on: Waiting; readonly since: number; readonly seq: number; lookAt: number | null }
  | { readonly status: "running"; readonly live: readonly Attempt[] }
  | { readonly status: "retrying"; readonly retryAt: number }
  /** Steps inside it, or tasks that it has started, are at work. */
  | { readonly status: "open" }
  /** `kept`: it had completed already in the task whose past this one shares. */
  | { readonly status: "completed"; readonly output: StoredValue; readonly degraded: Failure | null; readonly kept?: true }
  | { readonly status: "failed"; readonly error: Failure }
  | { readonly status: "skipped"; readonly reason: SkipReason }
  | { readonly status: "canceled"; readonly reason: CancelReason };

/** Steps as readers know them: with nothing but attempts in line one waits. */
export type StepStatus = Exclude<Phase["status"], "open">;

export interface Step<N extends StepNode = StepNode> {
  /** Its place among all steps of the task. */
  readonly index: number;
  /** Its id, after the ids and branches of the steps that it is inside of: `each[3]/fetch`. */
  readonly path: string;
  readonly node: N;
  readonly frame: Frame;
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
  /** Since when agents have answered it with nothing but requests for patience. */
  patientSince: number | null;
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
  /** What of an agent's usage could not be read. */
  usageFault: string | null;
  /** Why the last attempt failed. */
  error: Failure | null;
  /** Digests of the called-back replies that settled attempts, by attempt. */
  replies: Map<number, string> | null;
  /** Of a step with steps inside it, or with tasks that it starts. */
  branches: Branches | null;
  approval: Approval | null;
}

/** What a step inside has come to, by branch: a case, an item, an iteration, a task. */
export interface Branches {
  /** How many there will be, where that is known. */
  readonly count: number | null;
  /** Where each branch is a task with so many of the items. */
  readonly chunk: number | null;
  opened: number;
  ended: number;
  failed: number;
  /** Items that failed, where branches are tasks with several. */
  failedItems: number;
  /** By branch, where all of them count. */
  readonly outputs: (StoredValue | null)[] | null;
  /** Of the last one that completed, and of the one before. */
  output: StoredValue | null;
  previous: StoredValue | null;
  /** The first failure. */
  error: Failure | null;
  /** The frames at work. */
  readonly frames: Map<number, Frame>;
  /** The last frame that has ended, where the next one depends on it. */
  last: Frame | null;
  /** When the next one may begin. */
  resumeAt: number | null;
  /** The task that it is, where there is one for all. */
  task: string | null;
  /** The items, while they are at hand: they can be found again. */
  items: readonly Json[] | null;
}

export interface Approval {
  readonly number: number;
  readonly title: string;
  /** What is to be approved, as the last one who edited it left it. */
  payload: StoredValue;
  hash: string;
  assignees: readonly string[];
  /** How many have to approve. */
  readonly quorum: number;
  readonly isEditable: boolean;
  readonly requestedAt: number;
  dueAt: number | null;
  hasEscalated: boolean;
  /** What it came to when its time was up. */
  outcome: "fail" | "approve" | "reject" | null;
  readonly decisions: Decision[];
  /** Links that are good for nothing any more. */
  readonly withdrawn: string[];
}

export interface Decision {
  readonly by: string;
  /** Whose word a quorum counts it as. */
  readonly voice: string;
  readonly actor: By | null;
  readonly decision: "approve" | "reject";
  readonly comment: string | null;
  /** Of what they were asked, and of what they made of it. */
  readonly asked: string;
  readonly hash: string;
  readonly at: number;
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

export type AgentStep = Step<NodeOf<"agent">>;

export function isKind<K extends StepKind>(step: Step, kind: K): step is Step<NodeOf<K>> {
  return step.node.kind === kind;
}

export function newStep(index: number, path: string, node: StepNode, frame: Frame): Step {
  return {
    index,
    path,
    node,
    frame,
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
    patientSince: null,
    replied: null,
    roundError: null,
    agent: null,
    startedAt: null,
    startedSeq: null,
    settledAt: null,
    settledSeq: null,
    heartbeats: 0,
    usageFault: null,
    error: null,
    replies: null,
    branches: null,
    approval: null,
  };
}

const PENDING: Phase = { status: "pending" };

/** The attempt in flight under this number, or `undefined` when the fence is passed. */
export function liveAttempt(step: Step | undefined, number: number): Attempt | undefined {
  return step?.phase.status === "running" ? step.phase.live.find((attempt) => attempt.number === number) : undefined;
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
    case "open":
      return false;
  }
}

/** The status of a step as readers know it: with nothing but attempts in line, or a task that it waits for, it waits. */
export function stepStatus({ phase, node }: Step): StepStatus {
  if (phase.status === "open") return node.blocks.length === 0 ? "waiting" : "running";
  return phase.status === "running" && phase.live.every((attempt) => attempt.way === null) ? "waiting" : phase.status;
}

/** Whom the step asks now. */
export function targetOfStep({ node, target }: AgentStep): Target {
  return node.targets[target] ?? node.targets[0];
}

/** What is asked for, as a word. */
export function keyOfTarget(target: Target): string {
  return target.type === "capability" ? target.capability : `agent ${target.agent}`;
}
