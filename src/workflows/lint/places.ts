/** A definition as it was written, beside its graph: both have the same steps in the same order. */
import type { Workflow } from "../../language/compile.ts";
import type { StepDefinition, StepList } from "../../language/definition.ts";
import { innerBlocks, type Block, type StepNode } from "../../language/graph.ts";
import type { Json } from "../../shared/json.ts";

export interface PlacedBlock {
  readonly block: Block;
  /** JSON Pointer to what has the steps: the definition, a step, a case. */
  readonly at: string;
  readonly output: Json | undefined;
  /** The step that it is inside of. */
  readonly owner: Place | null;
  readonly places: readonly Place[];
}

export interface Place {
  readonly node: StepNode;
  readonly step: StepDefinition;
  readonly at: string;
  readonly within: PlacedBlock;
  /** In the order of `innerBlocks`. */
  readonly inner: readonly PlacedBlock[];
}

export function placed({ definition, graph }: Workflow): PlacedBlock {
  return placeBlock(graph, definition, "", null);
}

/** All steps, those inside others after them. */
export function* placesIn(block: PlacedBlock): Iterable<Place> {
  for (const place of block.places) {
    yield place;
    for (const inner of place.inner) yield* placesIn(inner);
  }
}

/** The step of an id as it is seen from the steps of a block. */
export function placeOf(id: string, from: PlacedBlock): Place | null {
  for (let block: PlacedBlock | null = from; block !== null; block = block.owner?.within ?? null) {
    const index = block.block.indexById.get(id);
    if (index !== undefined) return block.places[index] ?? null;
  }
  return null;
}

/** The steps of a block, each after those that it needs. */
export function inOrder({ places }: PlacedBlock): readonly Place[] {
  const unmet = places.map(({ node }) => node.needs.length);
  const order = places.filter(({ node }) => node.needs.length === 0);
  for (const { node } of order) {
    for (const dependent of node.dependents) {
      unmet[dependent] = (unmet[dependent] as number) - 1;
      if (unmet[dependent] === 0) order.push(places[dependent] as Place);
    }
  }
  return order;
}

interface Holder {
  readonly steps: StepList;
  readonly output?: unknown;
}

function placeBlock(block: Block, { steps, output }: Holder, at: string, owner: Place | null): PlacedBlock {
  const places: Place[] = [];
  const placed: PlacedBlock = { block, at, output: output as Json | undefined, owner, places };
  for (const [index, node] of block.steps.entries()) {
    const inner: PlacedBlock[] = [];
    const place: Place = { node, step: steps[index] as StepDefinition, at: `${at}/steps/${index}`, within: placed, inner };
    const holders = holdersIn(place);
    innerBlocks(node).forEach((one, branch) => {
      const { holder, at } = holders[branch] as (typeof holders)[number];
      inner.push(placeBlock(one, holder, at, place));
    });
    places.push(place);
  }
  return placed;
}

function holdersIn({ step, at }: Place): readonly { readonly holder: Holder; readonly at: string }[] {
  if (step.type === "map" || step.type === "repeat") return [{ holder: step, at }];
  if (step.type !== "switch") return [];
  const cases = step.cases.map((holder, index) => ({ holder, at: `${at}/cases/${index}` }));
  return step.default === undefined ? cases : [...cases, { holder: step.default, at: `${at}/default` }];
}
