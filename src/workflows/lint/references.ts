/** What a definition refers to that is not there, and whether it starts itself without end. */
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import type { Graph } from "../../language/graph.ts";
import type { Json } from "../../shared/json.ts";
import type { Library } from "../../language/library.ts";
import { parseReference } from "../../language/workflow-reference.ts";
import type { Warning } from "./codes.ts";
import { missingFrom, requiredBy } from "./missing-input.ts";
import { inOrder, placed, placesIn, type Place, type PlacedBlock } from "./places.ts";
import type { Shapes } from "./shapes.ts";
import { referredTo, type Surroundings } from "./surroundings.ts";

export function referenceWarnings(
  root: PlacedBlock,
  { graph }: Workflow,
  { name, library }: Surroundings,
  shapes: Shapes,
): readonly Warning[] {
  if (library === null) return [];
  if (!library.ok) return library.error.map(({ pointer, message }) => ({ code: "unknown_workflow", pointer, message }));
  const found = library.value;
  return [...endless(root, graph, name, found), ...[...placesIn(root)].flatMap((place) => childInput(place, found, shapes))];
}

/** Whether the name's newest version is meant, which is what is looked at here once it is registered. */
export function isItself(reference: string, name: string | null): boolean {
  const parsed = parseReference(reference);
  return parsed !== null && parsed.name === name && parsed.selector.type === "latest";
}

function childInput(place: Place, library: Library, shapes: Shapes): readonly Warning[] {
  const { step, at } = place;
  const child = step.type === "workflow" ? referredTo(step.workflow, library) : null;
  if (child === null || step.type !== "workflow") return [];
  const input = (step.input ?? {}) as Json;
  return missingFrom(input, requiredBy(child.input_schema), place, shapes, at, `the workflow "${step.workflow}"`);
}

/** A workflow that another one starts whatever happens. */
interface Start {
  readonly reference: string;
  readonly at: string;
}

function endless(root: PlacedBlock, graph: Graph, name: string | null, library: Library): readonly Warning[] {
  // Many steps may start the same.
  for (const [start] of Map.groupBy(startsOf(root, graph), ({ reference }) => reference).values() as Iterable<[Start]>) {
    const path = pathToItself(start.reference, name, library);
    if (path === null) continue;
    const itself = name === null ? "this workflow" : `"${name}"`;
    const way = path.map((reference) => `"${reference}"`).join(", which starts ");
    const message = `${itself} starts ${way}, and nothing ever stops it; give one of these steps a condition`;
    return [{ code: "endless_workflow", pointer: start.at, message }];
  }
  return [];
}

/** References from one to the next until a workflow comes again. */
function pathToItself(reference: string, name: string | null, library: Library): readonly string[] | null {
  const seen = new Map<string, readonly string[]>();
  const pending = [[reference]];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const last = path.at(-1) as string;
    if (isItself(last, name)) return path;
    const entry = Object.hasOwn(library, last) ? library[last] : undefined;
    if (entry === undefined) continue;
    const version = `${entry.name}@${entry.version}`;
    if (path.slice(0, -1).some((before) => versionOf(before, library) === version)) return path;
    if (seen.has(version)) continue;
    seen.set(version, path);
    const compiled = compileWorkflow(entry.definition);
    if (!compiled.ok) continue;
    for (const next of startsOf(placed(compiled.value), compiled.value.graph)) pending.push([...path, next.reference]);
  }
  return null;
}

const versionOf = (reference: string, library: Library): string => `${library[reference]?.name}@${library[reference]?.version}`;

/** Those that no condition holds back. What follows a failure is told by the failure. */
function startsOf(root: PlacedBlock, { onCompleted }: Graph): readonly Start[] {
  const chained = onCompleted.map(({ workflow }, index) => ({
    reference: workflow,
    at: onCompleted.length === 1 ? "/on_completed" : `/on_completed/${index}`,
  }));
  return [...nestedStarts(root), ...chained];
}

/** Items of a map may be none, and a case another one; an iteration there always is. */
function nestedStarts(block: PlacedBlock): readonly Start[] {
  const always = new Set<Place>();
  for (const place of inOrder(block)) {
    const { node } = place;
    const isFree = node.when === null && node.runIf !== "any_failed";
    if (isFree && node.needs.every((index) => always.has(block.places[index] as Place))) always.add(place);
  }
  return [...always].flatMap(({ node, at, inner }) => {
    if (node.kind === "repeat") return inner.flatMap(nestedStarts);
    return node.kind === "workflow" ? [{ reference: node.workflow, at: `${at}/workflow` }] : [];
  });
}
