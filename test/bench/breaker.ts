/**
 * Calls that still reach a dead agent. It stands beside a healthy one under the same capability, and its breaker, once open,
 * lets no probe through while this lasts. Some tasks come together at first, the others one after another.
 */
import { durationMs } from "../../src/shared/time.ts";
import type { AgentProcess } from "./agent-process.ts";
import { progress, type Figures } from "./report.ts";
import { pause } from "./patience.ts";
import { chain, type Service } from "./service.ts";

const TASKS = 16;
const TOGETHER = 8;
const EVERY_MS = 250;
const LENGTH = 20;
const COOLDOWN = "1h";

export async function breakerFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  let beyond = 0;
  for (const places of [1, 4]) {
    const { afterOpen } = await scenario(`dead-${places}`, places, agents, service);
    // Whoever was let in before may arrive after: everybody inside but the one whose failure opened it.
    beyond += Math.max(0, afterOpen - (places - 1));
  }
  const free = await scenario("dead-free", null, agents, service);
  return {
    breaker_calls_after_open: beyond,
    breaker_calls_after_open_no_limits: free.afterOpen,
    breaker_calls_of_one_task_no_limits: free.ofOneTask,
  };
}

interface Reached {
  /** Calls that arrived after the breaker had opened. */
  readonly afterOpen: number;
  /** The most calls that came from one task. */
  readonly ofOneTask: number;
}

async function scenario(name: string, places: number | null, agents: AgentProcess, service: Service): Promise<Reached> {
  await service.register(name, {
    url: agents.urlOf(name, { ms: 5, status: 500 }),
    capabilities: [name],
    expected_latency: "5ms",
    breaker: { cooldown: COOLDOWN },
    ...(places !== null && { limits: { max_concurrency: places } }),
  });
  await service.register(`beside-${name}`, {
    url: agents.urlOf(`beside-${name}`, { ms: 20 }),
    capabilities: [name],
    expected_latency: "20ms",
  });
  const workflow = chain(LENGTH, { capability: name, select: { policy: "round_robin" }, retry: { delay: "1ms", jitter: "none" } });
  const ended = await Promise.all(
    Array.from({ length: TASKS }, async (_, index) => {
      await pause(Math.max(0, index + 1 - TOGETHER) * EVERY_MS);
      return service.run(workflow);
    }),
  );
  for (const { id, status } of ended) if (status !== "completed") throw new Error(`${id}: ${status}`);
  const openedAt = await openingOf(name, service);
  const { calls, keys, times } = await agents.seen(name);
  const byTask = Map.groupBy(keys, (key) => key.split("/")[0]);
  const afterOpen = times.filter((time) => time > openedAt).length;
  const ofOneTask = Math.max(...[...byTask.values()].map((own) => own.length));
  progress(
    `  ${name}: ${calls} calls from ${byTask.size} of ${TASKS} tasks, ${afterOpen} after it opened, at most ${ofOneTask} from one task`,
  );
  return { afterOpen, ofOneTask };
}

/** When its breaker opened. */
async function openingOf(agent: string, service: Service): Promise<number> {
  const { breaker_state: breaker } = await service.agent(agent);
  if (breaker.status !== "open" || breaker.until === undefined) throw new Error(`The breaker of ${agent} is ${breaker.status}`);
  return Date.parse(breaker.until) - durationMs(COOLDOWN);
}
