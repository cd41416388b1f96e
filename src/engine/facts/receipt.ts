/** PERSISTED, in `agent.selected`: why an agent was chosen, or nobody was. */
import type { Way } from "./call.ts";

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
  /** How the call gets to the agent, where that leaves it to us, and why so. Who waits for a slot is not asked yet. */
  readonly way?: { readonly chosen: Way; readonly why: string };
}
