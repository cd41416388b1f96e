/** What a workflow may still start, as far as its definition and the lists that are known by now tell. */
import { kindOf } from "../../../language/kinds/table.ts";
import type { Block, Chain, Graph, StepNode } from "../../../language/graph.ts";
import type { Needs } from "./shape.ts";

/** `few`: tasks that come of those starts of which that is known. `many`: starts of which it is not. */
export interface Claims {
  readonly few: number;
  readonly many: number;
}

export const NO_CLAIMS: Claims = { few: 0, many: 0 };
const ONE_OF_MANY: Claims = { few: 0, many: 1 };

export const plus = (one: Claims, other: Claims): Claims => ({ few: one.few + other.few, many: one.many + other.many });
export const minus = (one: Claims, other: Claims): Claims => ({
  few: Math.max(0, one.few - other.few),
  many: Math.max(0, one.many - other.many),
});
export const times = ({ few, many }: Claims, count: number): Claims => ({ few: few * count, many: many * count });

/** Whether a task with this graph may start others. */
export const startsTasks = (graph: Graph): boolean => graph.onCompleted.length + graph.onFailed.length > 0 || startersIn(graph).length > 0;

/** With what its end starts: of the ways that it may end in, the more. */
export function chainsOf(graph: Graph, needs: Needs): Claims {
  const [completed, failed] = [claimsOfChains(graph.onCompleted, needs), claimsOfChains(graph.onFailed, needs)];
  return plus(claimsOfBlock(graph, needs), { few: Math.max(completed.few, failed.few), many: Math.max(completed.many, failed.many) });
}

const claimsOfChains = (chains: readonly Chain[], needs: Needs): Claims =>
  chains.reduce((sum, { workflow }) => plus(sum, claimOfWorkflow(workflow, needs)), NO_CLAIMS);

export function claimOfWorkflow(reference: string, needs: Needs): Claims {
  return Object.hasOwn(needs, reference) ? { few: needs[reference] ?? 1, many: 0 } : ONE_OF_MANY;
}

export const claimsOfBlock = (block: Block, needs: Needs): Claims =>
  startersIn(block).reduce((sum, node) => plus(sum, claimsOfNode(node, needs)), NO_CLAIMS);

/** Of a step that has not begun. How long the list of a map is nobody knows yet. */
export function claimsOfNode(node: StepNode, needs: Needs): Claims {
  if (node.kind === "workflow") return claimOfWorkflow(node.workflow, needs);
  if (!isStarter(node)) return NO_CLAIMS;
  if (isOverList(node)) return ONE_OF_MANY;
  return node.blocks.reduce((sum, block) => plus(sum, claimsOfBlock(block, needs)), NO_CLAIMS);
}

export const isOverList = ({ kind }: StepNode): boolean => kindOf(kind).list !== undefined;

/** Of a task with some of a map's items. */
export function claimOfPart({ blocks: [block] }: StepNode, items: number, needs: Needs): Claims {
  const inner = block === undefined ? NO_CLAIMS : claimsOfBlock(block, needs);
  return inner.many > 0 ? ONE_OF_MANY : { few: 1 + items * inner.few, many: 0 };
}

const startersByBlock = new WeakMap<Block, readonly StepNode[]>();

/** The steps of a block that start tasks, or have such steps inside them; most blocks have none. */
function startersIn(block: Block): readonly StepNode[] {
  let starters = startersByBlock.get(block);
  if (starters === undefined) startersByBlock.set(block, (starters = block.steps.filter(isStarter)));
  return starters;
}

export function isStarter(node: StepNode): boolean {
  if (node.kind === "workflow") return true;
  // A long list is spread over tasks.
  if ("outside" in node && node.outside !== null) return true;
  return node.blocks.some((block) => startersIn(block).length > 0);
}
