/** What an agent without limits costs beside its calls: rows in the task's object, requests to its own, queue messages. */
import { LIMITS } from "../../src/agents/limits.ts";
import type { AgentProcess } from "./agent-process.ts";
import type { AgentMeter } from "./ours.ts";
import { progress, type Figures } from "./report.ts";
import { pause } from "./patience.ts";
import { settled } from "./server.ts";
import { chain, type Service } from "./service.ts";

const AGENT = "unlimited";
const LENGTH = 100;
const BURST = { tasks: 200, steps: 5 };

export async function hotPathFigures(agents: AgentProcess, service: Service): Promise<Figures> {
  await service.register(AGENT, { url: agents.urlOf(AGENT), capabilities: [AGENT], dispatch: "inline" });
  for (let warmUp = 0; warmUp < 3; warmUp++) await run(service, 10);
  await quiet(service);

  // What every task costs is the same in both and cancels out.
  const whole = await rowsOf(service, await run(service, LENGTH));
  const half = await rowsOf(service, await run(service, LENGTH / 2));
  await quiet(service);
  const chained = await requestsDuring(service, () => run(service, LENGTH));
  const burst = await requestsDuring(service, () => Promise.all(Array.from({ length: BURST.tasks }, () => run(service, BURST.steps))));
  progress(`  chain of ${LENGTH}: ${JSON.stringify(chained)}, burst of ${BURST.tasks} × ${BURST.steps}: ${JSON.stringify(burst)}`);
  return {
    hot_path_extra_rows: (whole - half) / (LENGTH / 2) - 1,
    hot_path_extra_requests: Math.max(sum(chained) / LENGTH, sum(burst) / (BURST.tasks * BURST.steps)),
  };
}

async function run(service: Service, steps: number): Promise<string> {
  const { id, status } = await service.run(chain(steps, { capability: AGENT }));
  if (status !== "completed") throw new Error(`${id}: ${status}`);
  return id;
}

/** Alarms count, as they are billed. */
async function rowsOf(service: Service, task: string): Promise<number> {
  await settled(service.server);
  const { rowsWritten, alarmsSet } = await service.taskMeter(task);
  return rowsWritten + alarmsSet;
}

type Requests = Pick<AgentMeter, "requests" | "messages">;

const sum = ({ requests, messages }: Requests): number => requests + messages;

/** Requests to the agent's object, its alarms too, and messages with outcomes, until everything about the work is known. */
async function requestsDuring(service: Service, work: () => Promise<unknown>): Promise<Requests> {
  const before = await service.agentMeter(AGENT);
  await work();
  await quiet(service);
  const { requests, messages } = await service.agentMeter(AGENT);
  return { requests: requests - before.requests, messages: messages - before.messages };
}

/** Until the agent's statistics are published. */
async function quiet(service: Service): Promise<void> {
  await pause(LIMITS.publishMs + LIMITS.outcomeQuietMs);
  await settled(service.server);
}
