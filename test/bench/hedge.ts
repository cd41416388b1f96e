/**
 * What a second agent is worth where some replies take twenty times longer: the same work with and without it, in chains,
 * so that nothing waits for anything but its agent. Which replies are slow follows from step and agent, not from chance.
 */
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { settled } from "./server.ts";
import { chain, type Service } from "./service.ts";
import { median, quantile } from "./statistics.ts";

const USUAL_MS = 50;
const SLOW = { ms: 20 * USUAL_MS, share: 0.05 };
const HEDGE = { after: `${3 * USUAL_MS}ms`, max_share: 0.08 };
const TASKS = 8;
const LENGTH = 100;

export async function hedgeFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  const alone = await pool("alone", agents, service);
  await settled(service.server);
  const hedged = await pool("hedged", agents, service, HEDGE);
  return { p99_with_hedge_vs_without: quantile(hedged.ms, 0.99) / quantile(alone.ms, 0.99), hedge_extra_calls: hedged.extraCalls };
}

interface Taken {
  /** Of each step, from its start to its end. */
  readonly ms: readonly number[];
  /** Calls beyond one per step, as a share of the steps. */
  readonly extraCalls: number;
}

async function pool(name: string, agents: AgentProcess, service: Service, hedge?: typeof HEDGE): Promise<Taken> {
  const pair = [`${name}-1`, `${name}-2`];
  for (const agent of pair) {
    const url = agents.urlOf(agent, { ms: USUAL_MS, slow: SLOW });
    await service.register(agent, { url, capabilities: [name], expected_latency: `${USUAL_MS}ms` });
  }
  const workflow = chain(LENGTH, { capability: name, ...(hedge && { hedge }) });
  const steps = await Promise.all(
    Array.from({ length: TASKS }, async (_, index) => stepsOf(service, await service.run(workflow, { key: `${name}-${index}` }))),
  );
  const ms = steps.flat();
  const seen = await Promise.all(pair.map((agent) => agents.seen(agent)));
  const calls = seen.reduce((sum, one) => sum + one.calls, 0);
  const taken = { ms, extraCalls: calls / ms.length - 1 };
  progress(`  ${name}: p50 ${median(ms)} ms, p99 ${quantile(ms, 0.99).toFixed(0)} ms, ${calls} calls for ${ms.length} steps`);
  return taken;
}

async function stepsOf(service: Service, { id, status }: { readonly id: string; readonly status: string }): Promise<readonly number[]> {
  if (status !== "completed") throw new Error(`${id}: ${status}`);
  return (await service.steps(id)).map((step) => Date.parse(step.finished_at ?? "") - Date.parse(step.started_at ?? ""));
}
