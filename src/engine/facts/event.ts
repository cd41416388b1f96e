/**
 * PERSISTED: the facts of a task, past tense, never refused once recorded. Fields are only ever added, and optional.
 * Times are milliseconds since the epoch and end in `_at` or `_until`; readers outside get them in RFC 3339.
 */
import type { By } from "../../shared/actor.ts";
import type { Failure } from "./failure.ts";
import type { Usage, Way } from "./call.ts";
import type { Json } from "../../shared/json.ts";
import type { StepKind } from "../../language/kinds/table.ts";
import type { Receipt } from "./receipt.ts";
import type { Chained, TaskCreated } from "./created.ts";
import type { StoredValue } from "./value.ts";
import type {
  AspectEvent,
  AspectReason,
  AspectsOfAttempt,
  AspectsOfChild,
  AspectsOfChildEnd,
  AspectsOfCompleted,
  AspectsOfSettled,
} from "../aspects/shapes.ts";
import type { Waiting, WaitingForCapacity } from "./waiting.ts";

/** Who caused it; nobody where it follows by itself, or was recorded before that was. */
type OfActor = { readonly actor?: By };
type OfStep = { readonly step: string };
type OfAttempt = OfStep & { readonly attempt: number };
/** Tasks that it had started and that nobody wants any more. */
type WithChildren = { readonly children?: readonly string[] };
/** An item's index, the number of a case, or of an iteration from 1. */
type OfBranch = OfStep & { readonly branch: number };
/** `approval`: its number in the task. */
type OfApproval = OfStep & { readonly approval: number };
/** What the reply that settled an attempt is recognised by when it comes again, and how long the agent took. */
type OfReply = { readonly digest?: string; readonly ms?: number };
/** What the work used, as the agent says, and what it said that could not be read. */
type WithUsage = { readonly usage?: Usage; readonly usage_fault?: string };
/**
 * Who held the attempt, and for what capability; `slot` when it held one of the agent's slots, or was in line for one;
 * `in_line` when nobody worked on it yet.
 */
type OfAgent = {
  readonly agent?: string;
  readonly capability?: string;
  readonly slot?: true;
  readonly hedge?: true;
  readonly in_line?: true;
};

export type TaskEvent = CoreEvent | AspectEvent;

export type CoreEvent =
  | TaskCreated
  | { readonly type: "task.started" }
  /** `by`: with the task that started it. */
  | (OfActor & { readonly type: "task.paused"; readonly by?: "parent" })
  | (OfActor & { readonly type: "task.resumed"; readonly by?: "parent" })
  /** `partial`: with what it had when its budget was exhausted. */
  | { readonly type: "task.completed"; readonly output: StoredValue; readonly partial?: true }
  | { readonly type: "task.failed"; readonly error: Failure }
  | (OfActor & { readonly type: "task.canceled"; readonly reason?: string })
  | { readonly type: "task.timed_out"; readonly error: Failure }
  | { readonly type: "task.rejected"; readonly error: Failure }
  | { readonly type: "task.archived"; readonly parts: number; readonly bytes: number; readonly chained?: readonly Chained[] }
  /** The task must end, and first undoes what it has done. */
  | (OfActor & {
      readonly type: "task.ending";
      readonly ending: "failed" | "canceled" | "timed_out";
      readonly error?: Failure;
      readonly reason?: string;
    })
  /** `items`: of a map; `chunk`: how many of them each task gets, where they are spread over several. */
  | (OfStep & { readonly type: "step.started"; readonly items?: number; readonly chunk?: number })
  | (OfStep & { readonly type: "step.waiting"; readonly waiting_on: Waiting; readonly receipt?: Receipt })
  | (OfAttempt & {
      readonly type: "step.waiting";
      readonly waiting_on: WaitingForCapacity;
      readonly hedge?: true;
      readonly joins?: true;
    } & AspectsOfAttempt)
  /** The step goes on with less than was asked for: its next fallback. */
  | (OfStep & { readonly type: "step.degraded"; readonly error: Failure; readonly fallback: number })
  | (OfAttempt & { readonly type: "agent.selected"; readonly agent: string; readonly receipt: Receipt })
  | (OfStep &
      OfReply &
      WithUsage &
      OfAgent & {
        readonly type: "step.completed";
        readonly output: StoredValue;
        readonly attempt?: number;
        readonly degraded?: Failure;
        /** The number of the event that brought the signal. */
        readonly signal?: number;
        /** It had completed already in the task whose past this one shares. */
        readonly kept?: true;
      } & AspectsOfCompleted &
      WithChildren)
  | (OfStep & AspectsOfSettled & WithChildren & { readonly type: "step.failed"; readonly error: Failure })
  | (OfStep & AspectsOfSettled & { readonly type: "step.skipped"; readonly reason: SkipReason })
  | (OfStep &
      AspectsOfSettled &
      WithChildren & {
        readonly type: "step.canceled";
        readonly reason: CancelReason;
        readonly attempts?: readonly number[];
        /** The agents of those attempts, in the same order. */
        readonly agents?: readonly string[];
        /** Those of the attempts that held a slot or were in line for one. */
        readonly slots?: readonly number[];
        /** Those that were in line still. */
        readonly in_line?: readonly number[];
      })
  | (OfStep & { readonly type: "step.retry_scheduled"; readonly attempt: number; readonly retry_at: number })
  | (OfAttempt & {
      readonly type: "attempt.started";
      readonly agent: string;
      readonly way: Way;
      /** Which relay makes the call. */
      readonly relay?: string;
      readonly slot?: true;
      readonly hedge?: true;
      /** It takes the place of one that was turned away, in the same round. */
      readonly joins?: true;
      /** When a second agent is asked, unless there is a reply by then. */
      readonly hedge_at?: number;
      /** Where the agent allows less than the step. */
      readonly timeout_ms?: number;
    } & AspectsOfAttempt)
  /** `renews`: the consumer says now and then that it is there. */
  | (OfAttempt & {
      readonly type: "attempt.claimed";
      readonly via: "queue";
      readonly delivery: number;
      readonly lease_until: number;
      readonly renews?: true;
    })
  | (OfAttempt & {
      readonly type: "attempt.claimed";
      readonly via: "callback" | "pull";
      readonly lease_until: number;
      readonly ms?: number;
    })
  | (OfAttempt & { readonly type: "attempt.progressed"; readonly lease_until?: number; readonly progress?: Json })
  /** One reply of an ensemble. `key` and `score` are what it is compared and ranked by. */
  | (OfAttempt &
      OfReply &
      WithUsage &
      OfAgent & {
        readonly type: "attempt.completed";
        readonly output: StoredValue;
        readonly key?: string;
        readonly score?: number;
      })
  | (OfAttempt & OfReply & OfAgent & { readonly type: "attempt.failed"; readonly error: Failure; readonly usage?: Usage })
  /**
   * It was turned away, and nobody worked on it: by the agent's line, by whoever had it and gave it back (`slot`), or with an
   * `error` by the agent itself, which asked for patience.
   */
  | (OfAttempt &
      OfReply &
      OfAgent & {
        readonly type: "attempt.declined";
        readonly agent: string;
        readonly reason: string;
        readonly retry_at: number;
        readonly error?: Failure;
      })
  /** Another attempt at the same step was faster, or has decided. */
  | (OfAttempt &
      OfAgent & { readonly type: "attempt.canceled"; readonly reason: "superseded" | "decided" | "expired"; readonly ms?: number })
  /** `relay`: the one that makes the call from now on. */
  | (OfAttempt & { readonly type: "attempt.lost"; readonly sends: number; readonly relay?: string })
  /** One run of the steps inside a step: a case, an item, an iteration. */
  | (OfBranch & { readonly type: "branch.started" })
  | (OfBranch & { readonly type: "branch.completed"; readonly output: StoredValue })
  | (OfBranch & { readonly type: "branch.failed"; readonly error: Failure })
  /** A branch that is a task of its own; `after`: the one whose past it shares. */
  | (OfBranch & {
      readonly type: "child.started";
      readonly task: string;
      readonly items?: number;
      readonly after?: string;
    } & AspectsOfChild)
  /** Tasks that nobody wants any more have been told so. */
  | { readonly type: "child.canceled"; readonly tasks: readonly string[] }
  | (OfBranch & {
      readonly type: "child.ended";
      readonly task: string;
      readonly status: EndStatus;
      readonly output?: StoredValue;
      /** With an output: of the first item that failed. */
      readonly error?: Failure;
      readonly failed_items?: number;
      /** How what it did is undone, should this task fail later. */
      readonly undo?: StoredValue;
    } & AspectsOfChildEnd)
  /** What a step had come to in the task whose past this one shares; `of`: the items it was about (`kept.ts`). */
  | (OfStep & {
      readonly type: "step.kept";
      readonly kind: StepKind;
      readonly output: StoredValue;
      readonly of?: string;
      readonly undo?: StoredValue;
    })
  /** A task that a step had started there. With an output it had completed. */
  | (OfBranch & {
      readonly type: "child.kept";
      readonly task: string;
      readonly output?: StoredValue;
      readonly failed_items?: number;
      readonly of?: string;
      readonly undo?: StoredValue;
    })
  | (OfStep & { readonly type: "timer.fired" })
  /** `key`: under which it came, so that it counts once; `fingerprint`: what is recognised when it comes again under a caller's key. */
  | (OfActor & {
      readonly type: "signal.received";
      readonly name: string;
      readonly payload: StoredValue;
      readonly key: string;
      readonly fingerprint?: string;
    })
  | (OfApproval & {
      readonly type: "approval.requested";
      readonly title: string;
      readonly payload: StoredValue;
      /** SHA-256 of the payload: what is approved is this and nothing else. */
      readonly hash: string;
      readonly assignees: readonly string[];
      readonly quorum: number;
      readonly editable?: true;
      readonly due_at?: number;
    })
  /** One person's word; `voice`: whose a quorum counts it as, unless as `by`'s. With a changed payload, `hash` is of that. */
  | (OfApproval &
      OfActor & {
        readonly type: "approval.decided";
        readonly by: string;
        readonly voice?: string;
        readonly decision: "approve" | "reject";
        readonly hash: string;
        readonly comment?: string;
        readonly payload?: StoredValue;
      })
  | (OfApproval & OfActor & { readonly type: "approval.link_withdrawn"; readonly link: string })
  | (OfApproval & { readonly type: "approval.escalated"; readonly assignees: readonly string[]; readonly due_at: number })
  | (OfApproval & { readonly type: "approval.expired"; readonly outcome: "fail" | "approve" | "reject" })
  /** `task`: that undoes what the task of that branch did. */
  | (OfStep & { readonly type: "compensation.started"; readonly task?: string; readonly branch?: number })
  | (OfStep & { readonly type: "compensation.completed"; readonly task?: string })
  | (OfStep & { readonly type: "compensation.failed"; readonly task?: string; readonly error: Failure });

/** `needs`: `run_if` cannot hold any more · `when`: the condition was false · `budget`: the task ends with what it has. */
export type SkipReason = "needs" | "when" | AspectReason;
/** `task_ended`: by a step that says so · `block_ended`: the step around it has ended without it. */
export type CancelReason =
  | "task_canceled"
  | "task_timed_out"
  | "task_rejected"
  | "task_failed"
  | "task_ended"
  | "block_ended"
  | AspectReason
  | "fail_fast";

export type EndStatus = "completed" | "failed" | "canceled" | "timed_out" | "rejected";

export type EventType = TaskEvent["type"];
export type EventOf<T extends EventType> = Extract<TaskEvent, { readonly type: T }>;
