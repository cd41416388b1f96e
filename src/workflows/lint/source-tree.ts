/** A definition as it was written, beside its graph: both have the same steps in the same order. */
import { blocksIn } from "../../language/blocks.ts";
import type { Workflow } from "../../language/compile.ts";
import type { StepDefinition } from "../../language/definition.ts";
import type { Block, StepNode } from "../../language/graph.ts";
import { kindOf, type AnyKind } from "../../language/kinds/table.ts";
import type { Json, JsonObject } from "../../shared/json.ts";

export interface SourceBlock {
  readonly block: Block;
  /** JSON Pointer to what has the steps: the definition, a step, a case. */
  readonly at: string;
  readonly output: Json | undefined;
  /** The step that it is inside of. */
  readonly owner: SourceStep | null;
  readonly steps: readonly SourceStep[];
}

export interface SourceStep {
  readonly node: StepNode;
  readonly kind: AnyKind;
  readonly written: StepDefinition;
  readonly at: string;
  readonly within: SourceBlock;
  /** In the order of its branches. */
  readonly inner: readonly SourceBlock[];
}

export function sourceTree({ definition, graph }: Workflow): SourceBlock {
  return sourceBlock(graph, definition as unknown as JsonObject, "", null);
}

/** All steps, those inside others after them. */
export function* stepsUnder(block: SourceBlock): Iterable<SourceStep> {
  for (const step of block.steps) {
    yield step;
    for (const inner of step.inner) yield* stepsUnder(inner);
  }
}

/** The step of an id as it is seen from the steps of a block. */
export function stepSeen(id: string, from: SourceBlock): SourceStep | null {
  for (let block: SourceBlock | null = from; block !== null; block = block.owner?.within ?? null) {
    const index = block.block.indexById.get(id);
    if (index !== undefined) return block.steps[index] ?? null;
  }
  return null;
}

/** The steps of a block, each after those that it needs. */
export function inOrder({ steps }: SourceBlock): readonly SourceStep[] {
  const unmet = steps.map(({ node }) => node.needs.length);
  const order = steps.filter(({ node }) => node.needs.length === 0);
  for (const { node } of order) {
    for (const dependent of node.dependents) {
      unmet[dependent] = (unmet[dependent] as number) - 1;
      if (unmet[dependent] === 0) order.push(steps[dependent] as SourceStep);
    }
  }
  return order;
}

function sourceBlock(block: Block, holder: JsonObject, at: string, owner: SourceStep | null): SourceBlock {
  const steps: SourceStep[] = [];
  const tree: SourceBlock = { block, at, output: holder["output"], owner, steps };
  const written = holder["steps"] as readonly JsonObject[];
  for (const [index, node] of block.steps.entries()) {
    const inner: SourceBlock[] = [];
    const definition = written[index] as JsonObject;
    const place = `${at}/steps/${index}`;
    const step: SourceStep = {
      node,
      kind: kindOf(node.kind),
      written: definition as unknown as StepDefinition,
      at: place,
      within: tree,
      inner,
    };
    for (const [branch, one] of blocksIn({ step: definition, at: place }).entries()) {
      inner.push(sourceBlock(node.blocks[branch] as Block, one.holder, one.at, step));
    }
    steps.push(step);
  }
  return tree;
}
