/** What a result from the cache costs a task beside a step that only computes: rows of its object, alarms too, and calls. */
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { settled } from "./server.ts";
import type { Service } from "./service.ts";

const AGENT = "cached";
const LENGTH = 100;

export async function cacheFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  await service.register(AGENT, { url: agents.urlOf(AGENT), capabilities: [AGENT], dispatch: "inline" });
  const hit = { capability: AGENT, input: {}, cache: { ttl: "1h" } };
  // The first one makes what all others get.
  await run(service, 1, hit);
  await settled(service.server);
  const hits = await rowsPerStep(service, hit);
  const computed = await rowsPerStep(service, { type: "transform", output: 1 });
  progress(`  a hit ${hits} rows, a step that computes ${computed}`);
  return { cache_hit_extra_rows: hits - computed };
}

/** What every task costs is the same in both and cancels out. */
async function rowsPerStep(service: Service, step: Record<string, unknown>): Promise<number> {
  const whole = await rowsOf(service, await run(service, LENGTH, step));
  const half = await rowsOf(service, await run(service, LENGTH / 2, step));
  return (whole - half) / (LENGTH / 2);
}

async function run(service: Service, steps: number, step: Record<string, unknown>): Promise<string> {
  const chained = Array.from({ length: steps }, (_, index) => ({
    ...step,
    id: `s${index}`,
    ...(index > 0 && { needs: [`s${index - 1}`] }),
  }));
  const { id, status } = await service.run({ steps: chained });
  if (status !== "completed") throw new Error(`${id}: ${status}`);
  return id;
}

async function rowsOf(service: Service, task: string): Promise<number> {
  await settled(service.server);
  const { rowsWritten, alarmsSet } = await service.taskMeter(task);
  return rowsWritten + alarmsSet;
}
