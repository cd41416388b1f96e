/**
 * PERSISTED: the facts of a task, past tense, never refused once recorded. Fields are only ever added, and optional.
 * Times are milliseconds since the epoch and end in `_at` or `_until`; readers outside get them in RFC 3339.
 */
import type { Json } from "../shared/json.ts";
import type { StoredValue } from "./value.ts";

/** Why an attempt, a step or a task failed. `retryable` says whether trying again may help. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
  readonly retry_after_ms?: number;
  /** The agent's own word, whatever code it uses; a reply with a `status` is that anyway. */
  readonly by?: "agent";
  /** The HTTP status an agent answered with. */
  readonly status?: number;
  /** The step that made the task fail. */
  readonly step_id?: string;
}

/** What an agent says its work used. */
export interface Usage {
  readonly input_tokens?: number;
  readonly output_tokens?: number;
  readonly cost_usd?: number;
}

/** How an attempt reaches its agent. */
export type Way = "inline" | "queue" | "pull";

export interface WaitingForAgent {
  readonly type: "agent";
  readonly capability?: string;
  readonly agent?: string;
}

/** In line for a slot of an agent, or for one of its workers to ask for work. */
export interface WaitingForCapacity {
  readonly type: "capacity";
  readonly agent: string;
}

/** What became of a candidate: chosen, not chosen, or ruled out and by which rule. */
export type Verdict =
  | "chosen"
  | "eligible"
  | "version"
  | "input_schema"
  | "health"
  | "draining"
  | "breaker"
  | "region"
  | "labels"
  | "price"
  | "excluded"
  | "declined"
  | "tried";

export interface ReceiptCandidate {
  readonly agent: string;
  readonly verdict: Verdict;
  readonly score?: number;
  /** The components of the score, each between 0 and 1 but for `exploration`. */
  readonly parts?: { readonly [part: string]: number };
  /** Why it was ruled out. */
  readonly reason?: string;
}

/** Why an agent was chosen. The best come first; `more` counts candidates that are not named. */
export interface Receipt {
  readonly policy: string;
  readonly candidates: readonly ReceiptCandidate[];
  readonly more?: number;
  readonly note?: string;
}

export interface TaskCreated {
  readonly type: "task.created";
  readonly v: 1;
  readonly tenant: string;
  readonly task: string;
  /** The type it was submitted as; absent for an inline workflow. */
  readonly task_type?: string;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly definition: StoredValue;
  readonly input: StoredValue;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly deadline_at?: number;
  readonly queue_ttl_ms: number;
  readonly on_no_agent: "wait" | "fail";
  readonly fail_fast: boolean;
  /** SHA-256 of the submitted body, for a task with an idempotency key. */
  readonly fingerprint?: string;
  readonly traceparent: string;
  /** Where the service was reached: the base of callback URLs. */
  readonly origin: string;
}

type OfStep = { readonly step: string };
type OfAttempt = OfStep & { readonly attempt: number };
/** What the reply that settled an attempt is recognised by when it comes again, and how long the agent took. */
type OfReply = { readonly digest?: string; readonly ms?: number };
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

export type TaskEvent =
  | TaskCreated
  | { readonly type: "task.started" }
  | { readonly type: "task.paused" }
  | { readonly type: "task.resumed" }
  | { readonly type: "task.completed"; readonly output: StoredValue }
  | { readonly type: "task.failed"; readonly error: Failure }
  | { readonly type: "task.canceled"; readonly reason?: string }
  | { readonly type: "task.timed_out"; readonly error: Failure }
  | { readonly type: "task.rejected"; readonly error: Failure }
  | { readonly type: "task.archived"; readonly parts: number; readonly bytes: number }
  | (OfStep & { readonly type: "step.started" })
  | (OfStep & { readonly type: "step.waiting"; readonly waiting_on: WaitingForAgent; readonly receipt?: Receipt })
  | (OfAttempt & { readonly type: "step.waiting"; readonly waiting_on: WaitingForCapacity; readonly hedge?: true; readonly joins?: true })
  /** The step goes on with less than was asked for: its next fallback. */
  | (OfStep & { readonly type: "step.degraded"; readonly error: Failure; readonly fallback: number })
  | (OfAttempt & { readonly type: "agent.selected"; readonly agent: string; readonly receipt: Receipt })
  | (OfStep &
      OfReply &
      OfAgent & {
        readonly type: "step.completed";
        readonly output: StoredValue;
        readonly attempt?: number;
        readonly usage?: Usage;
        readonly degraded?: Failure;
      })
  | (OfStep & { readonly type: "step.failed"; readonly error: Failure })
  | (OfStep & { readonly type: "step.skipped"; readonly reason: SkipReason })
  | (OfStep & {
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
      readonly slot?: true;
      readonly hedge?: true;
      /** It takes the place of one that was turned away, in the same round. */
      readonly joins?: true;
      /** When a second agent is asked, unless there is a reply by then. */
      readonly hedge_at?: number;
      /** Where the agent allows less than the step. */
      readonly timeout_ms?: number;
    })
  | (OfAttempt & { readonly type: "attempt.claimed"; readonly via: "queue"; readonly delivery: number; readonly lease_until: number })
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
      OfAgent & {
        readonly type: "attempt.completed";
        readonly output: StoredValue;
        readonly usage?: Usage;
        readonly key?: string;
        readonly score?: number;
      })
  | (OfAttempt & OfReply & OfAgent & { readonly type: "attempt.failed"; readonly error: Failure; readonly usage?: Usage })
  /** The agent's line turned it away: nobody worked on it. */
  | (OfAttempt & { readonly type: "attempt.declined"; readonly agent: string; readonly reason: string; readonly retry_at: number })
  /** Another attempt at the same step was faster, or has decided. */
  | (OfAttempt &
      OfAgent & { readonly type: "attempt.canceled"; readonly reason: "superseded" | "decided" | "expired"; readonly ms?: number })
  | (OfAttempt & { readonly type: "attempt.lost"; readonly sends: number });

/** `needs`: `run_if` cannot hold any more · `when`: the condition was false. */
export type SkipReason = "needs" | "when";
export type CancelReason = "task_canceled" | "task_timed_out" | "task_rejected" | "task_failed" | "fail_fast";

export type EventType = TaskEvent["type"];
export type EventOf<T extends EventType> = Extract<TaskEvent, { readonly type: T }>;
