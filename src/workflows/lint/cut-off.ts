/** Steps that lead nowhere while a step beside them ends the task: what they do may be cut off, and nobody waits for it. */
import type { StepNode } from "../../language/graph.ts";
import type { Warning } from "./codes.ts";
import type { PossibleOutcomes } from "./possible-outcomes.ts";
import { inOrder, type SourceBlock, type SourceStep } from "./source-tree.ts";

export function cutOffWarnings(root: SourceBlock, outcomes: PossibleOutcomes): readonly Warning[] {
  const { steps, block } = root;
  const ends = steps.filter(({ kind, node }) => kind.endsTask === true && node.needs.length > 0);
  if (ends.length === 0) return [];
  const leads = allBefore(ends, root);
  const sure = new Set<SourceStep>();
  for (const step of inOrder(root)) {
    if (isSure(step.node) && step.node.needs.every((index) => sure.has(steps[index] as SourceStep))) sure.add(step);
  }
  const sureEnd = ends.find((end) => sure.has(end));
  const read = new Set(block.outputReads.map(({ index }) => index));
  return steps.flatMap((step): readonly Warning[] => {
    const { node, kind, at } = step;
    if (node.dependents.length > 0 || leads.has(step) || kind.endsTask === true || outcomes.of(step)?.mayRun !== true) return [];
    // One that ends the task now and then is an exit, beside which others do their work.
    const isBesideAll = node.needs.length === 0 && block.output !== null && !read.has(node.index);
    const end = sureEnd ?? (isBesideAll ? ends[0] : undefined);
    if (end === undefined) return [];
    const message = `"${node.id}" leads nowhere, and "${end.node.id}" ends the task without waiting for it; say in the needs of "${end.node.id}" that it is to be done before, or leave it out`;
    const needs = [...end.node.needs, node.index].map((index) => steps[index]?.node.id);
    return [{ code: "cut_off_step", pointer: at, message, ...(needs.length <= 10 && { suggestion: `"needs": ${JSON.stringify(needs)}` }) }];
  });
}

/** These, and all that they need, directly or through others. */
function allBefore(some: readonly SourceStep[], { steps }: SourceBlock): ReadonlySet<SourceStep> {
  const found = new Set(some);
  for (const { node } of found) for (const index of node.needs) found.add(steps[index] as SourceStep);
  return found;
}

/** It runs where nothing fails. */
const isSure = ({ when, runIf }: StepNode): boolean => when === null && runIf !== "any_failed";
