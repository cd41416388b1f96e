/** Wide work whose agents take a while: against bare objects, which call all at once, and in seconds. */
import { join } from "node:path";
import type { WorkflowDefinition } from "../../src/language/definition.ts";
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import type { Service } from "./service.ts";
import { median, shuffled } from "./statistics.ts";
import { plain } from "./targets.ts";

const PAIRS = 15;
const WARM_UPS = 3;

export async function relayFigures(agents: AgentProcess, service: Service, state: string): Promise<Figures> {
  const soon = await fanOf(agents, service, "soon", 50);
  const bare = await plain("bare", join(state, "bare-for-relays"), agents);
  const pairs: { readonly ours: number; readonly bare: number }[] = [];
  try {
    for (let pair = -WARM_UPS; pair < PAIRS; pair++) {
      const taken = { ours: 0, bare: 0 };
      for (const side of shuffled(["ours", "bare"] as const)) {
        const run = side === "ours" ? soon.run : () => bare.run({ shape: "fan", steps: 100, ms: 50 });
        taken[side] = await secondsOf(run);
      }
      progress(`  100 calls of 50 ms: ${(taken.ours * 1_000).toFixed(0)} ms, bare ${(taken.bare * 1_000).toFixed(0)}`);
      if (pair >= 0) pairs.push(taken);
    }
  } finally {
    await bare.server.stop();
  }
  await soon.checked(PAIRS + WARM_UPS);

  const later = await fanOf(agents, service, "later", 500);
  await later.run();
  const fan = await secondsOf(later.run);
  await later.checked(2);

  // Relays are made once, and lent from task to task afterwards.
  await mapOf(service, agents, 1_000);
  const map = await secondsOf(() => mapOf(service, agents, 1_000));
  const { calls, most } = await agents.seen("mapped-slowly");
  if (calls !== 2_000) throw new Error(`${calls} calls for 2,000 items`);
  progress(`  a map over 1,000 items: ${map.toFixed(2)} s, ${most} calls at once`);
  return {
    fan100_50ms_vs_bare: median(pairs.map(({ ours, bare: theirs }) => ours / theirs)),
    fan100_500ms_seconds: fan,
    map_1000_items_1s_seconds: map,
  };
}

/** A hundred steps at once of an agent that leaves it to us how it is called. */
async function fanOf(agents: AgentProcess, service: Service, name: string, ms: number) {
  await service.register(name, { url: agents.urlOf(name, { ms }), capabilities: [name] });
  const workflow: WorkflowDefinition = { steps: Array.from({ length: 100 }, (_, index) => ({ id: `s${index}`, capability: name })) };
  return {
    run: async (): Promise<string> => {
      const { id, status, output } = await service.run(workflow);
      if (status !== "completed" || Object.keys(output ?? {}).length !== 100) throw new Error(`${id} is ${status}`);
      return id;
    },
    checked: async (runs: number): Promise<void> => {
      const { calls } = await agents.seen(name);
      if (calls !== 100 * runs) throw new Error(`${calls} calls for ${100 * runs} steps`);
    },
  };
}

async function mapOf(service: Service, agents: AgentProcess, items: number): Promise<void> {
  const name = "mapped-slowly";
  const url = agents.urlOf(name, { ms: 1_000 });
  await service.register(name, { url, capabilities: [name], limits: { max_concurrency: 1_000 } });
  const workflow: WorkflowDefinition = {
    steps: [{ id: "each", type: "map", over: "input.items", concurrency: 1_000, steps: [{ id: "ask", capability: name }] }],
  };
  const { id, status } = await service.run(workflow, { input: { items: Array.from({ length: items }, (_, index) => index) } });
  if (status !== "completed") throw new Error(`${id} is ${status}`);
}

async function secondsOf(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return (performance.now() - startedAt) / 1_000;
}
