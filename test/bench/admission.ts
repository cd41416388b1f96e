/**
 * Whether an agent with limits is ever asked by more at once than it allows: several tasks together want far more, and its
 * object, which alone knows, dies twice meanwhile. Counted by the agent itself.
 */
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { until } from "./patience.ts";
import type { Service } from "./service.ts";

const PLACES = 7;
const TASKS = 5;
const STEPS_PER_TASK = 100;
const STEPS = TASKS * STEPS_PER_TASK;
/** Calls that are still under way when the object is back, whose memory of them is then all that keeps others out. */
const SLOW = { ms: 500, share: 0.2 };
/** After how many calls its object dies. */
const DEATHS = [STEPS / 4, STEPS / 2];
const CALLS_MS = 120_000;

export async function admissionFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  const url = agents.urlOf("narrow", { ms: 20, slow: SLOW });
  await service.register("narrow", { url, capabilities: ["narrow"], expected_latency: "20ms", limits: { max_concurrency: PLACES } });
  const workflow = { steps: Array.from({ length: STEPS_PER_TASK }, (_, index) => ({ id: `s${index}`, capability: "narrow" })) };
  const startedAt = performance.now();
  const running = Promise.all(Array.from({ length: TASKS }, () => service.run(workflow)));
  for (const calls of DEATHS) {
    await until(`call ${calls} of the agent with limits`, CALLS_MS, async () => (await agents.seen("narrow")).calls >= calls);
    await service.abortAgent("narrow");
  }
  const ended = await running;
  progress(`  ${STEPS} steps in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);

  const { instances } = await service.agentMeter("narrow");
  if (instances < 1 + DEATHS.length) throw new Error(`The agent's object has had ${instances} instances only`);
  for (const { status, output } of ended) {
    if (status !== "completed" || Object.keys(output ?? {}).length !== STEPS_PER_TASK)
      throw new Error(`${status}: ${JSON.stringify(output)}`);
  }
  const { calls, keys, most } = await agents.seen("narrow");
  if (calls !== STEPS || new Set(keys).size !== STEPS) throw new Error(`${calls} calls for ${new Set(keys).size} of ${STEPS} steps`);
  if (most < PLACES) throw new Error(`Only ${most} calls at once: the limit was not reached`);
  return { admission_over_limit: most - PLACES };
}
