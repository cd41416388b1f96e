/** A workflow that certainly starts itself again and again: nothing of it can be meant, so it is refused. */
import type { Workflow } from "../../language/compile.ts";
import type { Fault } from "../../shared/errors.ts";
import { constantOf } from "./impossible.ts";
import { isItself } from "./references.ts";
import { sourceTree, stepsUnder, type SourceBlock, type SourceStep } from "./source-tree.ts";

/** `name`: as which it is, or will be, registered. */
export function endlessFaults(workflow: Workflow, name: string | null): readonly Fault[] {
  if (name === null) return [];
  const root = sourceTree(workflow);
  const chains = workflow.graph.onCompleted.filter(({ workflow: reference }) => isItself(reference, name)).length;
  if (chains > 1) return [fault("/on_completed", `it starts itself ${chains} times whenever it completes, so it becomes ever more tasks`)];
  // A step that ends the task may be faster.
  if ([...stepsUnder(root)].some(({ kind }) => kind.endsTask === true)) return [];
  const starts = certainStarts(root, name);
  const [first] = starts;
  if (first === undefined) return [];
  if (starts.length > 1) return [fault(first.at, "it starts itself more than once whatever happens, so it becomes ever more tasks")];
  return isFatal(first) ? [fault(first.at, "it starts itself whatever happens, so it never completes")] : [];
}

const fault = (pointer: string, what: string): Fault => ({
  code: "endless_workflow",
  pointer,
  message: `${what}; give the step a condition, such as "when": "input.depth < 3"`,
});

/** Steps that need nothing and have no condition, each as often as it is certain to run. */
function certainStarts(block: SourceBlock, name: string): readonly SourceStep[] {
  return block.steps
    .filter(({ node }) => node.needs.length === 0 && node.when === null)
    .flatMap((step) => {
      const { node, kind, inner } = step;
      if ("workflow" in node) return isItself(node.workflow, name) ? [step] : [];
      if (kind.isLoop !== true) return [];
      const once = inner.flatMap((one) => certainStarts(one, name));
      return "over" in node && once.length > 0 ? Array.from({ length: Math.min(2, itemsOf(node.over)) }, () => once).flat() : once;
    });
}

/** How many items a map is certain to have. */
function itemsOf(over: Parameters<typeof constantOf>[0]): number {
  const list = constantOf(over);
  return Array.isArray(list) ? list.length : 0;
}

/** Whether its failure is that of the task. */
function isFatal({ node, within }: SourceStep): boolean {
  if (node.onError.type !== "fail" || ("tolerate" in node && !isStrict(node.tolerate))) return false;
  return within.owner === null || isFatal(within.owner);
}

const isStrict = (tolerate: { readonly items: number } | { readonly share: number }): boolean =>
  ("items" in tolerate ? tolerate.items : tolerate.share) === 0;
