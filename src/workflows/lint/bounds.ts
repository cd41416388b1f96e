/** Maps and repeats that may come to more at once, or altogether, than is good. */
import { LIMITS } from "../limits.ts";
import type { Warning } from "./codes.ts";
import { placesIn, type Place, type PlacedBlock } from "./places.ts";
import { mostItems } from "./shape.ts";
import type { Shapes } from "./shapes.ts";

export function boundWarnings(root: PlacedBlock, shapes: Shapes): readonly Warning[] {
  const unbounded = [...placesIn(root)].filter((place) => place.node.kind === "map" && isUnbounded(place, shapes));
  return [...unbounded.map(unboundedMap), ...tooManySteps(root, shapes)];
}

/** As many agents at once as there are items, and nobody knows how many that is. */
function isUnbounded(place: Place, shapes: Shapes): boolean {
  const { node } = place;
  return node.kind === "map" && node.concurrency === null && mostItems(shapes.list(place)) === null && asksSomebody(place);
}

const asksSomebody = ({ inner }: Place): boolean =>
  inner.some(({ places }) => places.some((place) => place.node.kind === "agent" || place.node.kind === "workflow" || asksSomebody(place)));

function unboundedMap({ node, at }: Place): Warning {
  const message = `"${node.id}" runs over a list of any length and asks for all of its items at once, up to ${LIMITS.mapConcurrency}; say in "concurrency" how many, or in a schema how many there are ("maxItems")`;
  return { code: "unbounded_map", pointer: `${at}/over`, message, suggestion: '"concurrency": 10' };
}

/** Told of the innermost step that is too much: what is around it is so by it. */
function tooManySteps(block: PlacedBlock, shapes: Shapes): readonly Warning[] {
  return block.places.flatMap((place) => {
    const inside = place.inner.flatMap((inner) => tooManySteps(inner, shapes));
    const count = inside.length > 0 ? 0 : stepsOf(place, shapes);
    if (count <= LIMITS.stepsOfTask) return inside;
    const message = `"${place.node.id}" may come to ${count} steps, those of all items and iterations counted; a task has at most ${LIMITS.stepsOfTask}: move what is inside to a workflow of its own`;
    return [{ code: "too_many_steps", pointer: place.at, message }];
  });
}

/** How many steps a task has by it at most, as far as the numbers are known. */
function stepsOf(place: Place, shapes: Shapes): number {
  const { node, inner } = place;
  const inside = inner.map(({ places }) => places.reduce((sum, each) => sum + 1 + stepsOf(each, shapes), 0));
  switch (node.kind) {
    case "map": {
      const items = Math.min(mostItems(shapes.list(place)) ?? 1, LIMITS.mapItems);
      // Many items are spread over tasks of their own.
      const isSpread = items > LIMITS.mapInline && node.outside !== null;
      return (isSpread ? LIMITS.mapChunk : items) * Math.max(...inside);
    }
    case "repeat":
      return node.max * Math.max(...inside);
    case "switch":
      return Math.max(...inside);
    case "agent":
    case "workflow":
    case "wait":
    case "signal":
    case "approval":
    case "transform":
    case "end":
      return 0;
  }
}
