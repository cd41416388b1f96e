/** What the object answers to, as its callers see it: plain data in, promises of plain data out. */
import type { Asker, CacheAnswer, Reply } from "../cache/cache-contract.ts";
import type { Amounts } from "../shared/money.ts";
import type { ClaimAnswer } from "../agents/transports/dispatch-queue.ts";
import type { Holding } from "../agents/port.ts";
import type { CarriedCall, Outcome } from "../agents/transports/protocol.ts";
import type { EventView } from "./views/event-view.ts";
import type { Failure } from "../engine/facts/failure.ts";
import type { EndStatus } from "../engine/facts/event.ts";
import type { Answer } from "../engine/transition.ts";
import type { StepView } from "./views/step-view.ts";
import type { TaskHead } from "./views/view.ts";
import type { Rejection } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import type { Result } from "../shared/result.ts";
import type { ApprovalDetail } from "./views/approval-view.ts";
import type { ResultReading, StepDetail, TaskView } from "./journal/task-reading.ts";
import type { RecorderQuestion } from "./recorder/recorder.ts";
import type { Submission } from "./submission/submission.ts";

/** One attempt at a step; together with its number, the fence. */
export interface AttemptOf {
  readonly step: string;
  readonly attempt: number;
}

export interface Submitted {
  readonly head: TaskHead;
  /** The task existed already, from the same submission. */
  readonly isReplay: boolean;
  /** It is another task, which runs already under the same key. */
  readonly isExisting?: true;
  /** How the task ended, if it did while its submitter lingered. */
  readonly result: ResultReading | null;
}

/** Everywhere `null` says that the object has no such task (any more). */
export interface TaskContract {
  /**
   * Creates the task. With `waitMs` it answers when the task has ended, or earlier once the object could sleep: who waits
   * for a short task needs no second request. `archived`: history has the task, its object does not. A submission with
   * another task's past in it comes as JSON in UTF-8.
   */
  submit(submission: Submission | Uint8Array, waitMs: number): Promise<Result<Submitted, Rejection | "archived">>;
  /**
   * Creates the task, which stands for a burst of submissions, or gives it this input instead of its own while it waits.
   * `over`: it does not wait any more.
   */
  join(submission: Submission): Promise<Result<Submitted, Rejection> | "over">;
  /** The answer to a submission that came before, as `submit` would give it. */
  recall(fingerprint: string): Promise<Result<Submitted, Rejection> | null>;
  pause(): Promise<Result<TaskHead, Rejection> | null>;
  resume(): Promise<Result<TaskHead, Rejection> | null>;
  cancel(reason?: string): Promise<Result<TaskHead, Rejection> | null>;
  /** The gate lets it begin, or asks whether it still has its place: `false` when it has ended. */
  admit(key: string): Promise<boolean>;
  /** An agent appeared that a step of this task may be waiting for. */
  poke(): Promise<void>;

  /** A queue consumer is about to call the agent: the call, `null` when it should not, or how long it should not yet. */
  claim(at: AttemptOf, delivery: number): Promise<ClaimAnswer | null>;
  /** Slots of an agent for attempts in line, or the question whether they are still held: `false` where nobody wants one. */
  grant(attempts: readonly AttemptOf[]): Promise<readonly boolean[]>;
  /** What became of attempts that workers were to take along. */
  verify(attempts: readonly AttemptOf[]): Promise<readonly Holding[]>;
  /** A worker of the agent takes the attempt along: the call, or `null` when nobody wants it any more. */
  hand(at: AttemptOf): Promise<CarriedCall | null>;
  /** The agent's line turned attempts away. */
  decline(attempts: readonly AttemptOf[], reason: string, retryAt: number): Promise<void>;
  /** What came of an attempt. With a digest the same reply may come again and is answered alike. */
  report(at: AttemptOf, outcome: Outcome, digest?: string): Promise<Answer | null>;
  heartbeat(at: AttemptOf, beat: Heartbeat): Promise<Result<{ readonly leaseUntil: number | null }, Rejection> | null>;

  /** Forgets the task, its journal and what history has of it. Only when it has ended. */
  delete(): Promise<Result<"deleted", Rejection> | null>;
  /** Something that a step waits for, or will. It counts once under its key. */
  signal(name: string, payload: Json, key: string): Promise<Result<TaskHead, Rejection> | null>;
  /** A person's word on an approval of this task, by its number. */
  decide(approval: number, decision: ApprovalDecision): Promise<Result<ApprovalDetail, Rejection> | null>;
  approval(number: number): Promise<ApprovalDetail | "unknown" | null>;

  /**
   * As `submit`, for a task that another one starts: what it came to, if it has ended; `archived` as there. `isPaused`: the
   * one that starts it is paused, and so is this one from its beginning.
   */
  begin(submission: Submission, isPaused: boolean): Promise<ChildOutcome | "running" | "archived">;
  /** Pauses or goes on with the task that started it; what somebody said to this one itself stays as it is. */
  follow(isPaused: boolean): Promise<void>;
  /** The result cache answers a step, or asks whether it still brings the result that others wait for. */
  cacheSays(asker: Asker, answer: CacheAnswer): Promise<Reply>;
  /** A task that a step of this one has started has ended. */
  childEnded(task: string, outcome: ChildOutcome): Promise<void>;

  head(): Promise<TaskHead | null>;
  task(): Promise<TaskView | null>;
  steps(from: number, limit: number): Promise<readonly StepView[] | null>;
  step(id: string): Promise<StepDetail | "unknown" | null>;
  result(): Promise<ResultReading | Unfinished | null>;
  events(after: number, limit: number): Promise<readonly EventView[] | null>;
  /** What the flight recorder asks, answered in JSON in UTF-8. */
  recorded(question: RecorderQuestion): Promise<Result<Uint8Array, Rejection> | null>;
  /** A live reader's WebSocket; 404 where there is no task. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** What a task came to, as its parent needs it. */
export interface ChildOutcome {
  readonly status: EndStatus;
  /** JSON in UTF-8: text outside of Latin-1 would take twice the room on its way. */
  readonly output: Uint8Array | null;
  readonly error: Failure | null;
  /** Of a task with some of a map's items. */
  readonly failedItems: number;
  /** Of what its parent has lent it. */
  readonly spent?: Amounts;
}

export interface ApprovalDecision {
  readonly decision: "approve" | "reject";
  /** Who says so, and what they are. */
  readonly by: string;
  readonly roles: readonly string[];
  readonly comment?: string;
  readonly payload?: Json;
  readonly hash?: string;
}

export interface Heartbeat {
  readonly extendMs?: number;
  readonly progress?: Json;
}

export interface Unfinished {
  readonly unfinished: true;
  readonly status: TaskHead["status"];
}
