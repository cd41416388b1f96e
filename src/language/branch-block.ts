/** Which steps run in a branch. */
import type { Block, StepNode } from "./graph.ts";

/** The block of a branch: of a case by its number, of items and iterations always the same. */
export function nodeOfBranch(node: StepNode, branch: number): Block {
  const block = node.kind === "map" || node.kind === "repeat" ? node.block : node.kind === "switch" ? caseOf(node, branch) : null;
  if (block === null) throw new Error(`Defect: step "${node.id}" has no branch ${branch}`);
  return block;
}

function caseOf({ cases, otherwise }: Extract<StepNode, { readonly kind: "switch" }>, branch: number): Block | null {
  return branch === cases.length ? otherwise : (cases[branch]?.block ?? null);
}
