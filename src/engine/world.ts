/** What a transition may know besides the journal: plain data and synchronous lookups. */
import type { Json } from "../shared/json.ts";
import type { Reserved, Way } from "./facts/call.ts";
import type { Receipt } from "./facts/receipt.ts";
import type { Selection, Target } from "../language/staffing.ts";
import type { Values } from "./facts/value.ts";

export interface World {
  readonly now: number;
  /** The agents as last seen, or `null` when that is too long ago to decide on. */
  readonly agents: AgentLookup | null;
  readonly values: Values;
  /** How many agents the object may await at once. */
  readonly inlinePlaces: number;
  /** A call that is expected to take longer is cheaper by queue than by relay. */
  readonly relayMostMs: number;
  /** A relay that makes no calls of this task, for an attempt that is the first of those it makes. */
  readonly relayFor: (step: string, attempt: number) => string;
  /** When the object itself called an agent; `in_line` while that waits for a place; `null` where somebody else calls. */
  readonly calledAt: (step: string, attempt: number) => number | "in_line" | null;
  /** The id of a task that a step starts as one of its branches: always the same. */
  readonly childTask: (step: string, branch: number) => string;
}

/** The port that selection fills. */
export interface AgentLookup {
  /** Always the same for the same agents and question; `null` where they are not known. */
  readonly choose: (wanted: Wanted) => Choice | null;
  /** What is known of one agent, `null` when it is not there any more. */
  readonly find: (agent: string, target: Target) => AgentChoice | null;
  /** Why an agent that was chosen a while ago should not be called now after all, or `null`. */
  readonly refusal: (agent: string, evidence: ReadonlyMap<string, AgentEvidence>, now: number) => string | null;
  /** What those who could be asked say of keeping results; `null` where they are not known. */
  readonly caching: (target: Target, step: string) => DeclaredCaching | null;
  /** Of the calls of a capability everywhere and lately, how many there were and how many were hedges. */
  readonly hedging: (target: Target) => { readonly calls: number; readonly hedges: number };
}

export interface DeclaredCaching {
  /** Another text when any of them offers another version. */
  readonly versions: string;
  /** What all of them allow, whether or not the step asks for it. */
  readonly terms: { readonly ttlMs: number; readonly tags: readonly string[] } | null;
}

/** What a step asks for. */
export interface Wanted {
  readonly target: Target;
  readonly selection: Selection;
  /** How many different agents. */
  readonly count: number;
  /** Names the attempt: the seed of everything random about the choice. */
  readonly seed: string;
  /** How many choices the task has made, for turns. */
  readonly turn: number;
  /** What `sticky` evaluated to: equal keys get the same agent. */
  readonly stickyKey: string | null;
  /** Agents that are out of the question for this step, and why. */
  readonly barred: ReadonlyMap<string, "busy_with_it" | "declined">;
  /** Agents that failed this step already: only if there is nobody else. */
  readonly tried: ReadonlySet<string>;
  /** Whom to take if at all possible. */
  readonly prefer: string | null;
  /** The step waits for the budget to allow for whoever is chosen. */
  readonly waitsForBudget?: true;
  /** Evaluated only if somebody declares a schema for it. */
  readonly input: () => Json | undefined;
  /** How long the reply may take, for a choice by deadline. */
  readonly withinMs: number | null;
  readonly now: number;
  /** What the task itself has seen, which is fresher than what the directory knows. */
  readonly evidence: ReadonlyMap<string, AgentEvidence>;
  /** Attempts of this task with each agent, under way or in line. */
  readonly busy: ReadonlyMap<string, number>;
}

/** What one task has seen of an agent. */
export interface AgentEvidence {
  readonly successes: number;
  readonly faults: number;
  readonly faultsInARow: number;
  readonly lastFaultAt: number;
  /** Smoothed time to a reply, `null` before the first. */
  readonly latencyMs: number | null;
  /** It asked for patience until then, so many times in a row; afterwards one call goes first, to find out whether it is over. */
  readonly heldUntil?: number;
  readonly holds?: number;
}

export interface Choice {
  /** The best first; fewer than wanted where there are no more. */
  readonly agents: readonly AgentChoice[];
  readonly receipt: Receipt;
  /** Made for want of money: what they are expected to cost is set aside, not the most that the step allows. */
  readonly isFrugal?: true;
}

export interface AgentChoice {
  readonly agent: string;
  /** Set where the agent, not its latency, decides. */
  readonly way: Way | null;
  /** As seen by all tasks, or else as the agent declares it. */
  readonly expectedLatencyMs: number | null;
  /** It has limits, is on trial, or takes its work itself: a slot has to be asked for first. */
  readonly needsSlot: boolean;
  /** Its replies are faster than this in 95 of 100 cases, once that is known. */
  readonly p95Ms: number | null;
  /** The longest it may take for one attempt. */
  readonly timeoutMs: number | null;
  /** What a call of it is expected to cost and to use, and its prices where it has some by the token; absent where it is free. */
  readonly cost?: Reserved;
}
