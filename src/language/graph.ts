/**
 * A workflow ready to run: every reference resolved, every expression compiled.
 *
 * G1. A block is steps that run together: the workflow's own, or those inside a step. Each is acyclic, and `needs` holds
 *     what was written and what the step's expressions refer to, those of the steps inside it included.
 * G2. Everything that can be known before running was checked; faults are reported together, each at its place.
 */
import type { Concurrency } from "./concurrency.ts";
import { kindOf, type CompiledOf, type StepKind } from "./kinds/table.ts";
import type { Doubt } from "./doubt.ts";
import type { Expression } from "./expressions/expression.ts";
import type { Read } from "./reads.ts";
import type { Rules } from "./rules.ts";
import type { RunIf } from "./step-definition.ts";
import type { Template } from "./expressions/template.ts";

export type OnError = { readonly type: "fail" } | { readonly type: "continue" } | { readonly type: "output"; readonly output: Template };

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
  /** By which it was compiled, and its task decides. */
  readonly rules: Rules;
  readonly warnings: readonly Doubt[];
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

/** What every node has. */
export interface AnyNode {
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
  /** The blocks inside it, in the order of its branches. */
  readonly blocks: readonly Block[];
  /** One agent step that undoes it. */
  readonly undo: Block | null;
  /** Signals that it, or a step inside it, may wait for. */
  readonly listens: ReadonlySet<string>;
}

/** What is its own is in `kinds/`. */
export type StepNode = { [K in StepKind]: AnyNode & CompiledOf<K> & { readonly kind: K } }[StepKind];
export type NodeOf<K extends StepKind> = Extract<StepNode, { readonly kind: K }>;

/** A block by the ids of the steps it is inside of; `undefined` where there is none. */
export function nodeAt(block: Block, path: readonly string[]): StepNode | undefined {
  const [id, ...rest] = path;
  const index = id === undefined ? undefined : block.indexById.get(id);
  const node = index === undefined ? undefined : block.steps[index];
  if (node === undefined || rest.length === 0) return node;
  for (const inner of node.blocks) {
    const found = nodeAt(inner, rest);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The block of a branch: of a case by its number, of items and iterations always the same. */
export function blockOfBranch(node: StepNode, branch: number): Block {
  const block = node.blocks[kindOf(node.kind).isLoop === true ? 0 : branch];
  if (block === undefined) throw new Error(`Defect: step "${node.id}" has no branch ${branch}`);
  return block;
}
