/** The graph of a task that has some of a map's items: that map, and nothing around it. */
import type { Graph, MapNode } from "./graph.ts";
import { nodeAt } from "./graph.ts";
import { compileTemplate } from "./expressions/template.ts";

/** `path`: ids from the outermost block to the map. `null` where there is none. */
export function graphOfPart(graph: Graph, path: readonly string[]): Graph | null {
  const node = nodeAt(graph, path);
  const output = node && compileTemplate(`\${ steps[${JSON.stringify(node.id)}].output }`);
  if (node?.kind !== "map" || !output?.ok) return null;
  const alone: MapNode = {
    ...node,
    index: 0,
    needs: [],
    dependents: [],
    reads: [],
    runIf: "all_completed",
    when: null,
    onError: { type: "fail" },
    undo: null,
  };
  return {
    steps: [alone],
    indexById: new Map([[node.id, 0]]),
    sinks: [0],
    output: output.value,
    outputReads: [],
    warnings: [],
    onCompleted: [],
    onFailed: [],
    outputSchema: null,
    concurrency: null,
  };
}
