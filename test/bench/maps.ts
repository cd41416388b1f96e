/** A map over ten thousand items, each of which an agent is asked about: how long, how many rows, how much memory. */
import type { WorkflowDefinition } from "../../src/language/definition.ts";
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { settled } from "./server.ts";
import type { Service } from "./service.ts";

const AGENT = "mapped";
const ITEMS = 10_000;
/** What an answer weighs: those of all items together are ten megabytes, and what the map comes to is as large. */
const ANSWER_BYTES = 1_000;
const MB = 1024 * 1024;

const workflow: WorkflowDefinition = {
  steps: [
    {
      id: "each",
      type: "map",
      over: "input.items",
      steps: [{ id: "ask", capability: AGENT, input: { item: "${ item }" } }],
      output: "${ steps.ask.output.text }",
    },
  ],
  output: "${ steps.each.output }",
};

export async function mapFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  await service.register(AGENT, { url: agents.urlOf(AGENT, { bytes: ANSWER_BYTES }), capabilities: [AGENT], dispatch: "inline" });
  await map(service, 1_000);
  const startedAt = performance.now();
  const task = await map(service, ITEMS);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { calls } = await agents.seen(AGENT);
  if (calls !== ITEMS + 1_000) throw new Error(`${calls} calls for ${ITEMS + 1_000} items`);

  await settled(service.server);
  const rows = await Promise.all([task, ...(await service.childrenOf(task))].map((each) => rowsOf(service, each)));
  progress(
    `  ${ITEMS} items in ${seconds.toFixed(1)} s: ${rows[0]} rows of the task, ${sum(rows.slice(1))} of its ${rows.length - 1} parts`,
  );

  const heap = await service.heap();
  const before = await heap.used();
  service.server.resetPeak();
  const rss = service.server.peakBytes();
  const peak = await heap.peakDuring(map(service, ITEMS));
  heap.close();
  progress(`  the process grew from ${(rss / MB).toFixed(0)} MB to ${(service.server.peakBytes() / MB).toFixed(0)} at most`);
  progress(`  the isolate held ${(before / MB).toFixed(1)} MB before, ${(peak / MB).toFixed(1)} at most`);
  return {
    map_10000_items_seconds: seconds,
    rows_per_map_item: sum(rows) / ITEMS,
    map_peak_object_memory_mb: (peak - before) / MB,
  };
}

async function map(service: Service, items: number): Promise<string> {
  const { id, status, output } = await service.run(workflow, { input: { items: Array.from({ length: items }, (_, index) => index) } });
  if (status !== "completed" || !Array.isArray(output) || !output.every((text) => String(text).length === ANSWER_BYTES))
    throw new Error(`${id} is ${status}`);
  return id;
}

async function rowsOf(service: Service, task: string): Promise<number> {
  const { rowsWritten, alarmsSet } = await service.taskMeter(task);
  return rowsWritten + alarmsSet;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, number) => all + number, 0);
