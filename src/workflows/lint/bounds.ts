/** Maps and repeats that may come to more at once, or altogether, than is good. */
import type { NodeOf } from "../../language/graph.ts";
import type { Shape } from "../../language/shape.ts";
import { LIMITS } from "../limits.ts";
import type { Warning } from "./codes.ts";
import { stepsUnder, type SourceStep, type SourceBlock } from "./source-tree.ts";
import { mostItems } from "./shape.ts";
import type { ShapeInference } from "./shape-inference.ts";

export function boundWarnings(root: SourceBlock, shapes: ShapeInference): readonly Warning[] {
  const unbounded = [...stepsUnder(root)].filter((step) => step.node.kind === "map" && isUnbounded(step, shapes));
  return [...unbounded.map(unboundedMap), ...tooManySteps(root, shapes)];
}

/** As many agents at once as there are items, and nobody knows how many that is. */
function isUnbounded(step: SourceStep, shapes: ShapeInference): boolean {
  const { node } = step;
  return node.kind === "map" && node.concurrency === null && mostItems(shapes.list(step)) === null && asksSomebody(step);
}

const asksSomebody = ({ inner }: SourceStep): boolean =>
  inner.some(({ steps }) => steps.some((step) => step.kind.takes === "work" || asksSomebody(step)));

function unboundedMap({ node, at }: SourceStep): Warning {
  const message = `"${node.id}" runs over a list of any length and asks for all of its items at once, up to ${LIMITS.mapConcurrency}; say in "concurrency" how many, or in a schema how many there are ("maxItems")`;
  return { code: "unbounded_map", pointer: `${at}/over`, message, suggestion: '"concurrency": 10' };
}

/** Told of the innermost step that is too much: what is around it is so by it. */
function tooManySteps(block: SourceBlock, shapes: ShapeInference): readonly Warning[] {
  return block.steps.flatMap((step) => {
    const inside = step.inner.flatMap((inner) => tooManySteps(inner, shapes));
    const count = inside.length > 0 ? 0 : stepsOf(step, shapes);
    if (count <= LIMITS.stepsOfTask) return inside;
    const message = `"${step.node.id}" may come to ${count} steps, those of all items and iterations counted; a task has at most ${LIMITS.stepsOfTask}: move what is inside to a workflow of its own`;
    return [{ code: "too_many_steps", pointer: step.at, message }];
  });
}

/** How many steps a task has by it at most, as far as the numbers are known. */
function stepsOf(step: SourceStep, shapes: ShapeInference): number {
  const { node, kind, inner } = step;
  if (inner.length === 0) return 0;
  const inside = inner.map(({ steps }) => steps.reduce((sum, each) => sum + 1 + stepsOf(each, shapes), 0));
  const branches = node.kind === "map" ? itemsHere(node, shapes.list(step)) : (kind.mostBranches?.(node) ?? 1);
  return branches * Math.max(...inside);
}

/** Many items are spread over tasks of their own. */
function itemsHere({ outside }: NodeOf<"map">, list: Shape): number {
  const items = Math.min(mostItems(list) ?? 1, LIMITS.mapItems);
  return items > LIMITS.mapInline && outside !== null ? LIMITS.mapChunk : items;
}
