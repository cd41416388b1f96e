/** The steps of a workflow, and of those that it starts, by the names that an estimate calls them. */
import { compileWorkflow } from "../language/compile.ts";
import type { StepKind } from "../language/kinds/table.ts";
import type { Block, Graph } from "../language/graph.ts";
import type { Library } from "../language/library.ts";

export const pathWithin = (name: string): string => `${name}/`;
/** No id has a colon. */
export const pathInWorkflow = (reference: string): string => `${reference}:`;

export function kindsByStep(graph: Graph, library: Library): ReadonlyMap<string, StepKind> {
  const kinds = new Map<string, StepKind>();
  addBlock(graph, "", kinds);
  for (const [reference, { definition }] of Object.entries(library)) {
    const compiled = compileWorkflow(definition);
    if (compiled.ok) addBlock(compiled.value.graph, pathInWorkflow(reference), kinds);
  }
  return kinds;
}

function addBlock(block: Block, path: string, kinds: Map<string, StepKind>): void {
  for (const step of block.steps) {
    const name = path + step.id;
    kinds.set(name, step.kind);
    for (const inner of step.blocks) addBlock(inner, pathWithin(name), kinds);
  }
}
