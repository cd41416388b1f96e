/** What the outside tells a task. An input may come twice, late or never; what it establishes, if anything, is an event. */
import type { By } from "../../shared/actor.ts";
import type { Rejection } from "../../shared/errors.ts";
import type { Result } from "../../shared/result.ts";
import type { Json } from "../../shared/json.ts";
import type { PastChild, PastStep } from "./past.ts";
import type { AspectInput, AspectsOfChildEnd } from "../aspects/shapes.ts";
import type { EndStatus, TaskEvent } from "./event.ts";
import type { Failure } from "./failure.ts";
import type { Usage } from "./call.ts";
import type { Chained } from "./created.ts";
import type { StoredValue } from "./value.ts";

interface OfAttempt {
  readonly step: string;
  readonly attempt: number;
}

/** A reply that called back carries a digest, by which its repetition is recognised. */
interface OfReply extends OfAttempt {
  readonly digest?: string;
  /** From sending the request to having the reply. */
  readonly ms?: number;
}

/** Who says so, as the fact will name them. */
interface OfActor {
  readonly actor?: By;
}

/** A link by which somebody without a key decides. */
export interface DecidingLink {
  readonly id: string;
  /** Whom it is for, as its maker said; may be empty. */
  readonly for: string;
  /** By what its maker would be counted, and what they may do; `null` for one that was made before links said that. */
  readonly maker: { readonly subject: string; readonly roles: readonly string[] } | null;
}

export type TaskInput = CoreInput | AspectInput;

export type CoreInput =
  /** Time has passed: see what follows. */
  | { readonly type: "wake" }
  /** The agents were looked up afresh: steps that wait for one look again. */
  | { readonly type: "look" }
  /** `by`: the task that started this one says so, maybe again; it is never refused. */
  | (OfActor & { readonly type: "pause"; readonly by?: "parent" })
  | (OfActor & { readonly type: "resume"; readonly by?: "parent" })
  | (OfActor & { readonly type: "cancel"; readonly reason?: string })
  /** A queue consumer is about to call the agent. A higher `delivery` takes over from a lower one. */
  | (OfAttempt & { readonly type: "claim"; readonly delivery: number; readonly renews?: true })
  /** The agent answered 202: it will call back. */
  | (OfReply & { readonly type: "accept" })
  | (OfAttempt & { readonly type: "heartbeat"; readonly extendMs?: number; readonly progress?: Json })
  /** `usageFault`: what of the usage could not be read. */
  | (OfReply & { readonly type: "complete"; readonly output: StoredValue; readonly usage?: Usage; readonly usageFault?: string })
  | (OfReply & { readonly type: "fail"; readonly error: Failure })
  /** The attempt met trouble of the platform, not of the agent. */
  | (OfAttempt & { readonly type: "lose" })
  /** An attempt in line got a slot of its agent; `isPull` when one of the agent's workers takes it along. */
  | (OfAttempt & { readonly type: "grant"; readonly isPull: boolean })
  /**
   * … or was turned away, not to come back before `retryAt`; so may be one that nobody works on yet. `isReturned`: who was
   * to call the agent, or to hand the attempt to its worker, gives it back, and its slot with it.
   */
  | (OfAttempt & { readonly type: "decline"; readonly reason: string; readonly retryAt: number; readonly isReturned?: true })
  /** Something from outside that a step waits for, or will. It counts once under its key, and another one under that is refused. */
  | (OfActor & {
      readonly type: "signal";
      readonly name: string;
      readonly payload: Json;
      readonly key: string;
      readonly fingerprint?: string;
    })
  /** A person's word on approval number so-and-so. */
  | (OfActor & {
      readonly type: "decide";
      readonly approval: number;
      /** By which link they say it. */
      readonly link?: DecidingLink;
      /** Where a journal is played again: whose word it was counted as. */
      readonly voice?: string;
      readonly decision: "approve" | "reject";
      readonly by: string;
      readonly roles: readonly string[];
      readonly comment?: string;
      /** In the place of what was asked. */
      readonly payload?: Json;
      /** Of what they believe to decide on. */
      readonly hash?: string;
    })
  /** A link to approval number so-and-so is to be good for nothing any more. */
  | (OfActor & { readonly type: "withdraw_link"; readonly approval: number; readonly link: string })
  /** A task that a step has started has ended. */
  | (AspectsOfChildEnd & {
      readonly type: "child";
      readonly task: string;
      readonly status: EndStatus;
      readonly output: StoredValue | null;
      readonly error: Failure | null;
      /** Where a journal is played again: the error is as it was recorded, in the words of this task. */
      readonly isWorded?: true;
      readonly failedItems: number;
      /** How what it did is undone: for whoever does that, nothing to the engine. */
      readonly undo?: StoredValue;
    })
  /** What is kept of the task whose past this one shares, before anything else happens. */
  | { readonly type: "keep"; readonly steps: readonly PastStep[]; readonly children: readonly PastChild[] }
  /** Tasks that nobody wants any more know that, or were never there. */
  | { readonly type: "dismissed"; readonly tasks: readonly string[] }
  | { readonly type: "archive"; readonly parts: number; readonly bytes: number; readonly chained?: readonly Chained[] };

export type InputOf<T extends TaskInput["type"]> = Extract<TaskInput, { readonly type: T }>;

/** The facts that an input establishes, none where it says nothing new, or why it may not come. */
export type Admission = Result<readonly TaskEvent[], Rejection>;
