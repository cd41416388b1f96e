/** The graph of a task that has some of a map's items: that map, and nothing around it. */
import { compileTemplate } from "./expressions/template.ts";
import { nodeAt, type Graph, type StepNode } from "./graph.ts";
import { kindOf } from "./kinds/table.ts";

/** `path`: ids from the outermost block to the map. `null` where there is none. */
export function graphOfPart(graph: Graph, path: readonly string[]): Graph | null {
  const node = nodeAt(graph, path);
  const output = node && compileTemplate(`\${ steps[${JSON.stringify(node.id)}].output }`, graph.rules);
  if (node === undefined || kindOf(node.kind).list === undefined || !output?.ok) return null;
  const alone: StepNode = {
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
    rules: graph.rules,
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
