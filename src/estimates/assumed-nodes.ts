/**
 * A workflow as an estimate runs it: the graph that the engine knows, in which every expression answers, with what is known
 * or with what is assumed; and with each step what else the estimate has to know of it.
 */
import type { AgentLimits } from "../agents/agent.ts";
import type { TaskBudget } from "../language/budget-definition.ts";
import type { StoredValue } from "../engine/facts/value.ts";
import type { DeclaredCaching } from "../engine/world.ts";
import type { StepKind } from "../language/kinds/table.ts";
import type { Block, Graph, NodeOf } from "../language/graph.ts";
import type { Selection, Target } from "../language/staffing.ts";
import type { Json } from "../shared/json.ts";
import type { Range } from "./assumptions.ts";
import type { CallFigures } from "./figures.ts";
import type { Question } from "./known.ts";
import type { Pool } from "./pool.ts";

/** Whom a step asks, with those who may get it. */
export type AskedTarget = Target & {
  readonly pool: Pool;
  /** With which they were looked for. */
  readonly selection: Selection;
  /** The cheapest first, whatever they cost: for a task that runs out of money. */
  readonly cheapest: () => Pool;
  readonly caching: DeclaredCaching | null;
};

/** Stands for a key that is not known. */
export const UNKNOWN_KEY = '"not known"';

/** What the caller said of a step's calls. */
export interface AssumedCall {
  readonly takesMs: Range | null;
  readonly succeeds: number | null;
  readonly costUsd: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

interface AnyAssumed {
  /** Its number among all steps of the estimate, and how those are called: `each/fetch`, or `profile:look` in another workflow. */
  readonly place: number;
  readonly label: string;
  readonly condition: Question | null;
  /** How often that holds, where it is not known. */
  readonly conditionShare: number;
  readonly blocks: readonly AssumedBlock[];
}

interface AssumedOf {
  readonly agent: {
    readonly targets: readonly [AskedTarget, ...AskedTarget[]];
    readonly assumed: AssumedCall;
    readonly reply: StoredValue;
  };
  readonly map: { readonly list: Question; readonly items: Range };
  readonly switch: { readonly questions: readonly Question[]; readonly assumedCase: number | null };
  readonly repeat: { readonly again: Question | null; readonly iterations: Range };
  readonly workflow: { readonly handed: Question };
  readonly signal: { readonly takesMs: Range; readonly payload: Json };
  readonly approval: { readonly takesMs: Range; readonly approves: number };
}

type OwnOf<K extends StepKind> = K extends keyof AssumedOf ? AssumedOf[K] : object;
export type AssumedNodeOf<K extends StepKind> = Omit<NodeOf<K>, keyof OwnOf<K> | "blocks"> & AnyAssumed & OwnOf<K>;
export type AssumedNode = { readonly [K in StepKind]: AssumedNodeOf<K> }[StepKind];

export interface AssumedBlock extends Block {
  readonly steps: readonly AssumedNode[];
  /** Names that its expressions start from, those of the blocks inside included. */
  readonly names: ReadonlySet<string>;
}

export interface AssumedGraph
  extends AssumedBlock, Pick<Graph, "rules" | "warnings" | "onCompleted" | "onFailed" | "outputSchema" | "concurrency"> {}

/** A workflow that steps start, with what its definition says of every task of it. */
export interface AssumedWorkflow {
  readonly name: string;
  readonly version: number | null;
  readonly graph: AssumedGraph;
  readonly deadlineMs: number | null;
  readonly budget: TaskBudget | undefined;
}

/** An agent that steps may get. */
export interface KnownAgent {
  readonly id: string;
  readonly limits: AgentLimits | null;
  /** Attempts of others: with it now, and in its line. */
  readonly inFlight: number;
  readonly waiting: number;
  /** What those are to be expected to take. */
  readonly usual: CallFigures;
}

/** Everything that the runs of an estimate have in common, under one policy. */
export interface AssumedTask {
  readonly graph: AssumedGraph;
  /** By how steps refer to it; looked up when one begins: workflows may start each other in a circle. */
  readonly workflow: (reference: string) => AssumedWorkflow | null;
  /** Names of steps, by place. */
  readonly places: readonly string[];
  readonly agents: readonly KnownAgent[];
}
