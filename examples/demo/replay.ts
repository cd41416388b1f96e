/**
 * Replays a recorded workflow: one step for each of its tasks, an agent that takes as long as the task took, scaled. Then
 * checks the journal and the agent's own record: every step once, none before its parents.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { ServerProcess } from "../../scripts/server-process.ts";
import { AgentProcess } from "../setup/agent-process.ts";
import type { Asked } from "../setup/serve.ts";
import type { Orchestrator, TaskEvent } from "../setup/orchestrator.ts";

export const DISPATCHES = ["inline", "queue", "callback"] as const;
export type Dispatch = (typeof DISPATCHES)[number];

const recording = z.object({
  name: z.string().optional(),
  tasks: z
    .array(z.object({ id: z.string().min(1), parents: z.array(z.string()), runtimeInSeconds: z.number().min(0) }))
    .min(1)
    .max(10_000),
});

interface Step {
  readonly id: string;
  readonly needs: readonly string[];
  readonly ms: number;
}

interface Replay {
  readonly file: string;
  readonly dispatch: Dispatch;
  /** Milliseconds for a second of the recording. */
  readonly scale: number;
  readonly kills: number;
}

export async function replay(
  { file, dispatch, scale, kills }: Replay,
  orchestrator: Orchestrator,
  server: ServerProcess,
): Promise<boolean> {
  const steps = readSteps(file, scale);
  const agent = await AgentProcess.start("demo/agents/sleeper", ...(dispatch === "callback" ? ["--call-back"] : []));
  try {
    if (agent.endpoint === null) throw new Error("Defect: the sleeper listens");
    await orchestrator.registerCalled(agent.id, agent.registration, {
      ...agent.endpoint,
      dispatch: dispatch === "callback" ? "inline" : dispatch,
    });
    const longestMs = Math.max(...steps.map(({ ms }) => ms));
    const id = await orchestrator.submit({
      workflow: {
        steps: steps.map(({ id: step, needs, ms }) => ({
          id: step,
          capability: "sleep",
          needs,
          input: { ms },
          timeout: `${Math.ceil(longestMs / 1_000) + 10}s`,
        })),
        output: {},
      },
    });
    const events = await followed(orchestrator.events(id), steps.length, kills, server);
    return report(steps, events, agent.asked, { dispatch, kills });
  } finally {
    agent.stop();
  }
}

function readSteps(file: string, scale: number): readonly Step[] {
  const parsed = recording.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!parsed.success) throw new Error(`${file} is no recorded workflow: ${z.prettifyError(parsed.error)}`);
  return parsed.data.tasks.map(({ id, parents, runtimeInSeconds }) => ({
    id: stepId(id),
    needs: [...new Set(parents.map(stepId))],
    ms: Math.round(runtimeInSeconds * scale),
  }));
}

/** Recorded names may have characters that step ids have not. */
function stepId(name: string): string {
  return name.replace(/[^A-Za-z0-9_.-]/g, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

/** All events, with a line that tells how far it is; the server is killed at even distances on the way. */
async function followed(
  events: AsyncIterable<TaskEvent>,
  total: number,
  kills: number,
  server: ServerProcess,
): Promise<readonly TaskEvent[]> {
  const all: TaskEvent[] = [];
  let [completed, killed] = [0, 0];
  let restarting: Promise<void> = Promise.resolve();
  const restart = async (): Promise<void> => {
    await server.kill();
    await server.start();
  };
  for await (const event of events) {
    all.push(event);
    if (event.type !== "step.completed") continue;
    completed++;
    if (process.stdout.isTTY) process.stdout.write(`\r${bar(completed / total)} ${completed}/${total}`);
    if (killed < kills && completed >= Math.floor((total * (killed + 1)) / (kills + 1))) {
      killed++;
      console.log(`${process.stdout.isTTY ? "\n" : ""}SIGKILL to the server after ${completed} steps`);
      restarting = restarting.then(restart);
    }
  }
  await restarting;
  if (process.stdout.isTTY) process.stdout.write("\n");
  return all;
}

function bar(share: number): string {
  const filled = Math.round(share * 30);
  return "█".repeat(filled) + "░".repeat(30 - filled);
}

/** What a task awaits inline at once, unless its setting says otherwise. */
const INLINE_CALLS = 6;

function report(
  steps: readonly Step[],
  events: readonly TaskEvent[],
  asked: readonly Asked[],
  { dispatch, kills }: Pick<Replay, "dispatch" | "kills">,
): boolean {
  const faults = [...journalFaults(steps, events), ...agentFaults(steps, events, asked)];
  const started = events.filter(({ type }) => type === "attempt.started").map(({ at }) => Date.parse(at));
  const settled = events.filter(({ type }) => type === "step.completed").map(({ at }) => Date.parse(at));
  const makespanMs = Math.max(...settled) - Math.min(...started);
  const criticalMs = criticalPathMs(steps);
  const workMs = steps.reduce((sum, { ms }) => sum + ms, 0);
  console.log(
    [
      "",
      `steps          ${steps.length}, ${steps.reduce((sum, { needs }) => sum + needs.length, 0)} dependencies`,
      `work           ${workMs} ms`,
      `critical path  ${criticalMs} ms${dispatch === "inline" ? `; with the work shared by ${INLINE_CALLS}, ${Math.round(criticalMs + workMs / INLINE_CALLS)} ms` : ""}`,
      `makespan       ${makespanMs} ms, ${(makespanMs / Math.max(1, criticalMs)).toFixed(2)} × the critical path${kills > 0 ? `, ${kills} kills included` : ""}`,
      `agent calls    ${asked.length}${asked.length > steps.length ? `, ${asked.length - steps.length} repeated under their first key` : ""}`,
      ...(faults.length === 0
        ? [
            "✓ every step completed once",
            "✓ no step started before its parents had completed",
            "✓ no step was asked for again after it had completed",
          ]
        : faults.slice(0, 20).map((fault) => `✗ ${fault}`)),
    ].join("\n"),
  );
  return faults.length === 0;
}

/** What the journal says: every step completed once and started after its parents. */
function journalFaults(steps: readonly Step[], events: readonly TaskEvent[]): readonly string[] {
  const faults: string[] = [];
  const last = events.at(-1);
  if (last?.type !== "task.completed") faults.push(`the task ended with ${last?.type} ${JSON.stringify(last?.data)}`);
  const completedAt = new Map<string, number>();
  const firstStart = new Map<string, number>();
  for (const { type, step_id = "", seq } of events) {
    if (type === "attempt.started" && !firstStart.has(step_id)) firstStart.set(step_id, seq);
    if (type !== "step.completed") continue;
    if (completedAt.has(step_id)) faults.push(`${step_id} completed twice`);
    completedAt.set(step_id, seq);
  }
  for (const { id, needs } of steps) {
    if (!completedAt.has(id)) faults.push(`${id} did not complete`);
    for (const need of needs)
      if ((firstStart.get(id) ?? 0) < (completedAt.get(need) ?? Number.POSITIVE_INFINITY))
        faults.push(`${id} started before ${need} had completed`);
  }
  return faults;
}

/** What the agent itself saw: one key per step, and no call once the completion was recorded. */
function agentFaults(steps: readonly Step[], events: readonly TaskEvent[], asked: readonly Asked[]): readonly string[] {
  const faults: string[] = [];
  const completedAt = new Map(events.filter(({ type }) => type === "step.completed").map(({ step_id, at }) => [step_id, Date.parse(at)]));
  const keys = new Map<string, string>();
  for (const { step, key, at } of asked) {
    if ((keys.get(step) ?? key) !== key) faults.push(`${step} was asked for under two keys`);
    keys.set(step, key);
    // Recorded times are whole milliseconds of another process's clock.
    if (at > (completedAt.get(step) ?? Number.POSITIVE_INFINITY) + 1) faults.push(`${step} was asked for after it had completed`);
  }
  for (const { id } of steps) if (!keys.has(id)) faults.push(`the agent was never asked for ${id}`);
  return faults;
}

function criticalPathMs(steps: readonly Step[]): number {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const known = new Map<string, number>();
  // Without recursion: recorded chains can be longer than a stack.
  for (const { id } of steps) {
    const line = [id];
    for (let at = line.at(-1); at !== undefined; at = line.at(-1)) {
      const step = byId.get(at);
      const missing = step?.needs.filter((need) => !known.has(need)) ?? [];
      if (missing.length > 0) {
        line.push(...missing);
        continue;
      }
      known.set(at, (step?.ms ?? 0) + Math.max(0, ...(step?.needs.map((need) => known.get(need) ?? 0) ?? [])));
      line.pop();
    }
  }
  return Math.max(...known.values());
}
