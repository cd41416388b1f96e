/** What a definition refers to that is not there, and whether it starts itself without end. */
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import type { Graph } from "../../language/graph.ts";
import type { Json } from "../../shared/json.ts";
import type { Library } from "../../language/library.ts";
import { parseReference } from "../../language/workflow-reference.ts";
import type { Warning } from "./codes.ts";
import { missingFrom, requiredBy } from "./missing-input.ts";
import { inOrder, sourceTree, stepsUnder, type SourceStep, type SourceBlock } from "./source-tree.ts";
import type { ShapeInference } from "./shape-inference.ts";
import { referredTo, type LintContext } from "./lint-context.ts";

export function referenceWarnings(
  root: SourceBlock,
  { graph }: Workflow,
  { name, library }: LintContext,
  shapes: ShapeInference,
): readonly Warning[] {
  if (library === null) return [];
  if (!library.ok) return library.error.map(({ pointer, message }) => ({ code: "unknown_workflow", pointer, message }));
  const found = library.value;
  return [...endless(root, graph, name, found), ...[...stepsUnder(root)].flatMap((step) => childInput(step, found, shapes))];
}

/** Whether the name's newest version is meant, which is what is looked at here once it is registered. */
export function isItself(reference: string, name: string | null): boolean {
  const parsed = parseReference(reference);
  return parsed !== null && parsed.name === name && parsed.selector.type === "latest";
}

function childInput(step: SourceStep, library: Library, shapes: ShapeInference): readonly Warning[] {
  const { written, at } = step;
  const child = written.type === "workflow" ? referredTo(written.workflow, library) : null;
  if (child === null || written.type !== "workflow") return [];
  const input = (written.input ?? {}) as Json;
  return missingFrom(input, requiredBy(child.input_schema), step, shapes, at, `the workflow "${written.workflow}"`);
}

/** A workflow that another one starts whatever happens. */
interface WorkflowStart {
  readonly reference: string;
  readonly at: string;
}

function endless(root: SourceBlock, graph: Graph, name: string | null, library: Library): readonly Warning[] {
  // Many steps may start the same.
  for (const [start] of Map.groupBy(startsOf(root, graph), ({ reference }) => reference).values() as Iterable<[WorkflowStart]>) {
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
    for (const next of startsOf(sourceTree(compiled.value), compiled.value.graph)) pending.push([...path, next.reference]);
  }
  return null;
}

const versionOf = (reference: string, library: Library): string => `${library[reference]?.name}@${library[reference]?.version}`;

/** Those that no condition holds back. What follows a failure is told by the failure. */
function startsOf(root: SourceBlock, { onCompleted }: Graph): readonly WorkflowStart[] {
  const chained = onCompleted.map(({ workflow }, index) => ({
    reference: workflow,
    at: onCompleted.length === 1 ? "/on_completed" : `/on_completed/${index}`,
  }));
  return [...nestedStarts(root), ...chained];
}

/** Items of a map may be none, and a case another one; an iteration there always is. */
function nestedStarts(block: SourceBlock): readonly WorkflowStart[] {
  const always = new Set<SourceStep>();
  for (const step of inOrder(block)) {
    const { node } = step;
    const isFree = node.when === null && node.runIf !== "any_failed";
    if (isFree && node.needs.every((index) => always.has(block.steps[index] as SourceStep))) always.add(step);
  }
  return [...always].flatMap(({ node, at, inner }) => {
    if (node.kind === "repeat") return inner.flatMap(nestedStarts);
    return node.kind === "workflow" ? [{ reference: node.workflow, at: `${at}/workflow` }] : [];
  });
}
