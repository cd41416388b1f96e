/**
 * A workflow ready to run: every reference resolved, every expression compiled.
 *
 * G1. A block is steps that run together: the workflow's own, or those inside a step. Each is acyclic, and `needs` holds
 *     what was written and what the step's expressions refer to, those of the steps inside it included.
 * G2. Everything that can be known before running was checked; faults are reported together, each at its place.
 */
import type { Concurrency } from "./concurrency.ts";
import type { TaskBudget } from "./budget-definition.ts";
import type { Fault } from "../shared/errors.ts";
import type { RunIf, StepKind } from "./definition.ts";
import type { Expression } from "./expressions/expression.ts";
import type { RetryPolicy } from "./retry.ts";
import type { Ensemble, Hedge, Selection, Target } from "./staffing.ts";
import type { Template } from "./expressions/template.ts";

export type OnError = { readonly type: "fail" } | { readonly type: "continue" } | { readonly type: "output"; readonly output: Template };

export interface Caching {
  readonly key: Expression | null;
  readonly ttlMs: number;
  readonly tags: Template | null;
}

/** A step that an expression reads: so many blocks further out, and its place there. */
export interface Read {
  readonly id: string;
  readonly depth: number;
  readonly index: number;
}

/** As a node keeps them: most have none. */
export const readsOf = (reads: ReadonlyMap<string, Read>): readonly Read[] => (reads.size === 0 ? NO_READS : [...reads.values()]);
const NO_READS: readonly Read[] = [];

export interface Block {
  readonly steps: readonly StepNode[];
  readonly indexById: ReadonlyMap<string, number>;
  /** Steps that nothing needs: their outputs are the block's unless it says otherwise. */
  readonly sinks: readonly number[];
  readonly output: Template | null;
  /** The steps that `output` reads. */
  readonly outputReads: readonly Read[];
}

export interface Graph extends Block {
  readonly warnings: readonly Fault[];
  readonly onCompleted: readonly Chain[];
  readonly onFailed: readonly Chain[];
  readonly outputSchema: { readonly [keyword: string]: unknown } | null;
  readonly concurrency: Concurrency | null;
}

/** A workflow that is started when a task of this one ends. */
export interface Chain {
  readonly workflow: string;
  readonly input: Template | null;
  readonly reads: readonly Read[];
}

interface AnyNode {
  readonly kind: StepKind;
  /** Its place in its block. */
  readonly index: number;
  readonly id: string;
  readonly needs: readonly number[];
  readonly dependents: readonly number[];
  /** The steps that its own expressions read. */
  readonly reads: readonly Read[];
  readonly runIf: RunIf;
  readonly when: Expression | null;
  readonly onError: OnError;
  /** One agent step that undoes it. */
  readonly undo: Block | null;
  /** Signals that it, or a step inside it, may wait for. */
  readonly listens: ReadonlySet<string>;
}

export interface AgentNode extends AnyNode {
  readonly kind: "agent";
  /** Whom to ask, and after that who comes to the rescue, in order. */
  readonly targets: readonly [Target, ...Target[]];
  readonly selection: Selection;
  /** The key under which it gets the same agent again. */
  readonly sticky: Expression | null;
  readonly hedge: Hedge | null;
  readonly ensemble: Ensemble | null;
  /** Whether a result may be one that was made before. */
  readonly cache: Caching | null;
  /** Tags of kept results that it makes out of date. */
  readonly invalidates: Template | null;
  readonly input: Template;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

export interface MapNode extends AnyNode {
  readonly kind: "map";
  readonly over: Template;
  /** Where the definition says that. */
  readonly overAt: string;
  readonly as: string;
  readonly indexAs: string;
  readonly block: Block;
  readonly concurrency: number | null;
  /** How many items may fail, or which share of them. */
  readonly tolerate: { readonly items: number } | { readonly share: number };
  /** Ids from the outermost block to this step: where a task that has a part of its items finds it. */
  readonly path: readonly string[];
  /** What the steps inside read from outside, when parts of it may run as tasks of their own; else `null`. */
  readonly outside: Outside | null;
}

export interface Outside {
  /** Seen from the block that the step is in. */
  readonly reads: readonly Read[];
  readonly names: ReadonlySet<string>;
}

export interface SwitchNode extends AnyNode {
  readonly kind: "switch";
  readonly cases: readonly { readonly when: Expression; readonly block: Block }[];
  readonly otherwise: Block | null;
}

export interface RepeatNode extends AnyNode {
  readonly kind: "repeat";
  readonly block: Block;
  /** Evaluated inside an iteration. */
  readonly until: Expression | null;
  readonly untilReads: readonly Read[];
  readonly max: number;
  readonly delayMs: number;
}

export interface WorkflowNode extends AnyNode {
  readonly kind: "workflow";
  readonly workflow: string;
  readonly input: Template;
  /** What its task may spend, of the budget of this one. */
  readonly budget: TaskBudget | null;
}

export interface WaitNode extends AnyNode {
  readonly kind: "wait";
  /** Yields a duration, or a time. */
  readonly until: { readonly type: "for" | "until"; readonly value: Template };
}

export interface SignalNode extends AnyNode {
  readonly kind: "signal";
  readonly name: string;
  readonly match: Expression | null;
  readonly timeoutMs: number | null;
}

export interface ApprovalNode extends AnyNode {
  readonly kind: "approval";
  readonly title: Template;
  readonly payload: Template;
  readonly assignees: readonly string[];
  readonly quorum: number;
  readonly dueMs: number | null;
  readonly onExpiry: "fail" | "approve" | "reject";
  readonly escalateTo: readonly string[];
  readonly isEditable: boolean;
}

export interface TransformNode extends AnyNode {
  readonly kind: "transform";
  readonly output: Template;
}

export interface EndNode extends AnyNode {
  readonly kind: "end";
  readonly status: "completed" | "failed";
  readonly output: Template | null;
  readonly error: { readonly code: string; readonly message: Template } | null;
}

export type StepNode =
  | AgentNode
  | MapNode
  | SwitchNode
  | RepeatNode
  | WorkflowNode
  | WaitNode
  | SignalNode
  | ApprovalNode
  | TransformNode
  | EndNode;

export type NodeOf<K extends StepKind> = Extract<StepNode, { readonly kind: K }>;

/** A block by the ids of the steps it is inside of; `undefined` where there is none. */
export function nodeAt(block: Block, path: readonly string[]): StepNode | undefined {
  const [id, ...rest] = path;
  const index = id === undefined ? undefined : block.indexById.get(id);
  const node = index === undefined ? undefined : block.steps[index];
  if (node === undefined || rest.length === 0) return node;
  for (const inner of innerBlocks(node)) {
    const found = nodeAt(inner, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The blocks inside a step, in the order of their branches where those are fixed. */
export function innerBlocks(node: StepNode): readonly Block[] {
  switch (node.kind) {
    case "map":
    case "repeat":
      return [node.block];
    case "switch":
      return [...node.cases.map(({ block }) => block), ...(node.otherwise === null ? [] : [node.otherwise])];
    case "agent":
    case "workflow":
    case "wait":
    case "signal":
    case "approval":
    case "transform":
    case "end":
      return [];
  }
}
