/** What a task's object and its relays say to each other: plain data. */
import type { CarriedCall, Outcome } from "../agents/transports/protocol.ts";

/** A relay works for one task at a time, and for another one of its tenant afterwards. */
export interface RelayName {
  readonly tenant: string;
  readonly relay: string;
}

export interface RelayedCall extends CarriedCall {
  /** Names the sending of an attempt among those of all tasks: one that was lost and is sent again is another. */
  readonly key: string;
}

/** Everything may be said twice. */
export interface RelayQuestion {
  /** To be made, unless the relay has them already. */
  readonly calls: readonly RelayedCall[];
  /** Those that it was given before, and whose answers have not arrived. */
  readonly awaited: readonly string[];
  /** Those whose answers are recorded. */
  readonly recorded: readonly string[];
  /** Those whose answers nobody waits for any more. */
  readonly unwanted: readonly string[];
}

/** An output travels as JSON in UTF-8, as inputs do. */
export type CarriedOutcome =
  | Exclude<Outcome, { readonly type: "completed" }>
  | (Omit<Extract<Outcome, { readonly type: "completed" }>, "output"> & { readonly output: Uint8Array });

export interface RelayReport {
  readonly answers: readonly { readonly key: string; readonly outcome: CarriedOutcome }[];
  /** Of those that were asked about, the ones that it does not have and will not make any more. */
  readonly gone: readonly string[];
  /** It was asked again before there was anything to report. */
  readonly isOvertaken: boolean;
}

export interface RelayContract {
  /** Answers as soon as there is an answer that has not been told, or anything is gone; at the latest after `relayAskMs`. */
  exchange(question: RelayQuestion): Promise<RelayReport>;
}
