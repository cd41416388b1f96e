/**
 * A workflow ready to be simulated: its graph with what the estimate asks of it (who may do a step, what it assumes), made
 * once for a policy and run through a thousand times.
 */
import type { RunIf } from "../language/step-definition.ts";
import type { NodeOf } from "../language/graph.ts";
import type { RetryPolicy } from "../language/retry.ts";
import type { Ensemble, Hedge } from "../language/staffing.ts";
import type { AgentLimits } from "../agents/agent.ts";
import type { Range } from "./assumptions.ts";
import type { CallFigures } from "./figures.ts";
import type { Question } from "./known.ts";
import type { Pool } from "./pool.ts";

export interface Plan {
  readonly root: PlanBlock;
  /** Names of steps, by place: `each/fetch`, or `profile:look` for one of another workflow. */
  readonly places: readonly string[];
  readonly crew: readonly CrewMember[];
  readonly deadlineMs: number | null;
}

/** An agent that steps of the plan may get. */
export interface CrewMember {
  readonly id: string;
  readonly limits: AgentLimits | null;
  /** Attempts of others: with it now, and in its line. */
  readonly inFlight: number;
  readonly waiting: number;
  /** What those are to be expected to take. */
  readonly usual: CallFigures;
}

export interface PlanBlock {
  readonly steps: readonly PlanStep[];
  /** What it comes to; `null` where that is what its steps come to. */
  readonly output: Question | null;
  /** Names that its questions start from, those of the blocks inside included. */
  readonly names: ReadonlySet<string>;
}

interface AnyStep {
  readonly place: number;
  readonly name: string;
  readonly index: number;
  readonly needs: number;
  readonly dependents: readonly number[];
  readonly runIf: RunIf;
  readonly when: Question | null;
  /** How often it holds, where that is not known. */
  readonly whenShare: number;
  readonly onError: "fail" | "continue" | Question;
}

export interface AgentPlan extends AnyStep {
  readonly kind: "agent";
  /** Whom it asks, and who comes to the rescue. */
  readonly pools: readonly Pool[];
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly hedge: Hedge | null;
  readonly ensemble: Ensemble | null;
  readonly assumed: AssumedCall;
}

/** What the caller said of a step's calls. */
export interface AssumedCall {
  readonly takesMs: Range | null;
  readonly succeeds: number | null;
  readonly costUsd: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

export interface MapPlan extends AnyStep {
  readonly kind: "map";
  readonly over: Question;
  readonly items: Range;
  readonly as: string;
  readonly indexAs: string;
  readonly block: PlanBlock;
  readonly concurrency: number | null;
  readonly tolerate: { readonly items: number } | { readonly share: number };
  readonly maySpread: boolean;
}

export interface SwitchPlan extends AnyStep {
  readonly kind: "switch";
  readonly cases: readonly { readonly when: Question; readonly block: PlanBlock }[];
  readonly otherwise: PlanBlock | null;
  readonly assumedCase: number | null;
}

export interface RepeatPlan extends AnyStep {
  readonly kind: "repeat";
  readonly block: PlanBlock;
  readonly until: Question | null;
  readonly max: number;
  readonly iterations: Range;
  readonly delayMs: number;
}

export interface WorkflowPlan extends AnyStep {
  readonly kind: "workflow";
  readonly workflow: string;
  readonly input: Question;
  /** Looked up when it begins: workflows may start each other in a circle. */
  readonly block: () => PlanBlock | null;
}

export interface WaitPlan extends AnyStep {
  readonly kind: "wait";
  readonly type: "for" | "until";
  readonly until: Question;
  readonly takesMs: Range;
}

export interface SignalPlan extends AnyStep {
  readonly kind: "signal";
  readonly timeoutMs: NodeOf<"signal">["timeoutMs"];
  readonly takesMs: Range;
}

export interface ApprovalPlan extends AnyStep, Pick<NodeOf<"approval">, "dueMs" | "onExpiry" | "escalateTo"> {
  readonly kind: "approval";
  readonly takesMs: Range;
  readonly approves: number;
}

export interface TransformPlan extends AnyStep {
  readonly kind: "transform";
  readonly output: Question;
}

export interface EndPlan extends AnyStep {
  readonly kind: "end";
  readonly status: "completed" | "failed";
}

export type PlanStep =
  | AgentPlan
  | MapPlan
  | SwitchPlan
  | RepeatPlan
  | WorkflowPlan
  | WaitPlan
  | SignalPlan
  | ApprovalPlan
  | TransformPlan
  | EndPlan;
