/**
 * Whether more tasks of one key ever run at once than its limit says: all are submitted together, and the key's object, which
 * alone knows, dies twice meanwhile. Counted by the agent itself.
 */
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { until } from "./patience.ts";
import type { Service } from "./service.ts";

const PLACES = 5;
const TASKS = 300;
/** After how many calls the key's object dies. */
const DEATHS = [TASKS / 4, TASKS / 2];
const CALLS_MS = 120_000;

export async function gateFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  await service.register("gated", { url: agents.urlOf("gated", { ms: 20 }), capabilities: ["gated"], expected_latency: "20ms" });
  const workflow = { steps: [{ id: "work", capability: "gated" }] };
  const concurrency = { key: '"race"', limit: PLACES };
  const startedAt = performance.now();
  const running = Promise.all(Array.from({ length: TASKS }, () => service.run(workflow, { concurrency })));
  for (const calls of DEATHS) {
    await until(`call ${calls} of tasks under the key`, CALLS_MS, async () => (await agents.seen("gated")).calls >= calls);
    await service.abortGate("race");
  }
  const ended = await running;
  progress(`  ${TASKS} tasks in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);

  const bad = ended.find(({ status }) => status !== "completed");
  if (bad !== undefined) throw new Error(`${bad.status}: ${JSON.stringify(bad.error)}`);
  const { calls, keys, most } = await agents.seen("gated");
  if (calls !== TASKS || new Set(keys).size !== TASKS) throw new Error(`${calls} calls for ${new Set(keys).size} of ${TASKS} tasks`);
  if (most < PLACES) throw new Error(`Only ${most} tasks at once: the limit was not reached`);
  return { task_admission_over_limit: most - PLACES };
}
