/** What is said to a task's object and by it: plain data. */
import type { By } from "../shared/actor.ts";
import type { Amounts } from "../shared/money.ts";
import type { DecidingLink } from "../engine/facts/input.ts";
import type { Failure } from "../engine/facts/failure.ts";
import type { EndStatus } from "../engine/facts/event.ts";
import type { Json } from "../shared/json.ts";
import type { ResultReading } from "./views/task-view.ts";
import type { TaskHead } from "./views/view.ts";

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
  /** How many tasks have come of it, or may still come of those that its end starts. */
  readonly used?: number;
  /** How what it did is undone, as JSON in UTF-8. */
  readonly undo?: Uint8Array;
}

export interface ApprovalDecision {
  readonly decision: "approve" | "reject";
  /** Who says so, as a quorum counts them, and what they are. */
  readonly by: string;
  readonly actor?: By;
  readonly roles: readonly string[];
  /** By which link; never by the release before. */
  readonly link?: DecidingLink;
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
