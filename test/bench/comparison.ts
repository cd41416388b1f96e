/**
 * What the service costs, in counts and in ratios to a bare equivalent and to Cloudflare Workflows, all measured together.
 *
 * B1. Everything takes turns in random order, with a pause after each, so that nobody's after-work falls on a neighbour.
 * B2. Every answer is checked, and every call to the agent counted.
 * B3. What is compared runs one right after the other. A ratio is the median over the rounds of the ratios of medians, so
 *     a machine that slows down for a while slows both sides of one ratio.
 */
import { join } from "node:path";
import { LIMITS } from "../../src/shared/limits.ts";
import type { AgentProcess } from "./agent-process.ts";
import { engineCostRatio, foldMs } from "./engine.ts";
import { progress, type Figures } from "./report.ts";
import { settled } from "./server.ts";
import type { Service } from "./service.ts";
import { median, quantile, shuffled } from "./statistics.ts";
import { ours, plain, type Target, type Work } from "./targets.ts";
import { takeTurn, type Cell, type Run, type Turn } from "./turns.ts";

/** Rounds that are not counted: the first ones also pay for compilers and empty caches. */
const WARM_UPS = 2;

let expectedCalls = 0;

/** What a task wrote in its own object, its archive included. */
async function writesOf(service: Service, target: Target, work: Work): Promise<{ readonly rows: number; readonly commits: number }> {
  const id = await target.run(work);
  expectedCalls += work.steps;
  await settled(target.server);
  const { rowsWritten, alarmsSet, journalRows } = await service.taskMeter(id);
  return { rows: rowsWritten + alarmsSet, commits: journalRows };
}

/** Rows written in D1 per task, for tasks that are over at once and for tasks that last. */
async function d1RowsPerTask(service: Service, target: Target): Promise<number> {
  const of = async (work: Work): Promise<number> => {
    const before = (await service.meter()).d1RowsWritten;
    const tasks = 10;
    for (let task = 0; task < tasks; task++) await target.run(work);
    expectedCalls += work.steps * tasks;
    await settled(target.server);
    return ((await service.meter()).d1RowsWritten - before) / tasks;
  };
  return Math.max(await of({ shape: "chain", steps: 10 }), await of({ shape: "chain", steps: 10, ms: 50 }));
}

/** The figures, over so many rounds. */
export async function compare(agent: AgentProcess, service: Service, folder: string, rounds: number): Promise<Figures> {
  const mine = await ours(service, agent);
  const others: Target[] = [];
  try {
    for (const name of ["bare", "workflows"] as const) others.push(await plain(name, join(folder, name), agent));
    return await measure(agent, service, [mine, ...others] as unknown as readonly [Target, Target, Target], rounds);
  } finally {
    await Promise.all(others.map(({ server }) => server.stop()));
  }
}

async function measure(
  agent: AgentProcess,
  service: Service,
  [mine, plain, theirs]: readonly [Target, Target, Target],
  rounds: number,
): Promise<Figures> {
  const of = (target: Target, work: Work, key = target.name): Run => ({ key, target, work });
  const single: Work = { shape: "chain", steps: 1 };
  const chain: Work = { shape: "chain", steps: 10 };
  const fan: Work = { shape: "fan", steps: 100 };
  const slow: Work = { ...fan, ms: 50 };
  const burst: Work = { shape: "chain", steps: 5 };
  const cells: readonly Cell[] = [
    { name: "single", times: 40, warmUps: 20, runs: [of(mine, single), of(plain, single)] },
    { name: "chain10", times: 15, warmUps: 10, runs: [of(mine, chain), of(plain, chain), of(theirs, chain)] },
    {
      name: "fan100",
      times: 6,
      warmUps: 4,
      runs: [of(mine, fan), of(plain, fan), of(plain, { ...fan, cap: LIMITS.inlineCalls }, "capped"), of(theirs, fan)],
    },
    { name: "fan100_50ms", times: 1, runs: [of(mine, slow), of(mine, { ...slow, way: "queue" }, "queue"), of(plain, slow)] },
    { name: "burst", times: 1, warmUps: 10, together: 200, runs: [of(mine, burst), of(plain, burst), of(theirs, burst)] },
  ];
  /** Of each cell, every round: the turns by key. */
  const turns = new Map<string, ReadonlyMap<string, Turn>[]>(cells.map(({ name }) => [name, []]));
  const engine = { chain: [] as number[], fan: [] as number[], fold: [] as number[] };
  for (let round = -WARM_UPS; round < rounds; round++) {
    // In every round, so that a bad moment of the machine is one of many.
    engine.chain.push(engineCostRatio("chain", 5));
    engine.fan.push(engineCostRatio("fan", 5));
    engine.fold.push(foldMs(5));
    progress(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
    for (const cell of shuffled(cells)) {
      const taken = new Map<string, Turn>();
      for (const run of shuffled(cell.runs)) {
        const turn = await takeTurn(run, cell);
        expectedCalls += turn.calls;
        taken.set(run.key, turn);
        progress(
          `  ${cell.name}, ${run.key}: ${median(turn.ms).toFixed(1)} ms, ${(turn.cpuSecondsPerStep * 1e6).toFixed(0)} µs of CPU per step`,
        );
      }
      if (round >= 0) turns.get(cell.name)?.push(taken);
    }
  }
  /** The median over the rounds of one run's figure divided by another's in the same round. */
  const ratio = (cell: string, above: string, below: string, figure: (turn: Turn) => number = ({ ms }) => median(ms)): number =>
    median((turns.get(cell) ?? []).map((taken) => figure(taken.get(above) as Turn) / figure(taken.get(below) as Turn)));

  progress("counting rows");
  const inline = await writesOf(service, mine, { shape: "chain", steps: 100 });
  const queued = await writesOf(service, mine, { shape: "chain", steps: 100, way: "queue" });
  const fanned = await writesOf(service, mine, fan);
  const d1Rows = await d1RowsPerTask(service, mine);
  const thousand = await takeTurn(of(mine, { ...fan, steps: 1_000 }), { times: 3 });
  expectedCalls += thousand.calls;

  const { calls } = await agent.seen();
  if (calls !== expectedCalls) throw new Error(`The agent was called ${calls} times for ${expectedCalls} steps`);

  return {
    rows_per_step_inline: inline.rows / 100,
    rows_per_step_queue: queued.rows / 100,
    commits_fan100: fanned.commits,
    chain10_vs_bare: ratio("chain10", "ours", "bare"),
    fan100_vs_bare: ratio("fan100", "ours", "bare"),
    fan100_vs_capped_bare: ratio("fan100", "ours", "capped"),
    single_vs_bare: ratio("single", "ours", "bare"),
    burst_200x5_vs_bare: ratio("burst", "ours", "bare"),
    chain10_vs_workflows: ratio("chain10", "workflows", "ours"),
    fan100_vs_workflows: ratio("fan100", "workflows", "ours"),
    burst_vs_workflows: ratio("burst", "workflows", "ours"),
    cpu_per_step_vs_bare: ratio("burst", "ours", "bare", ({ cpuSecondsPerStep }) => cpuSecondsPerStep),
    engine_cost_ratio_10000_vs_100: Math.max(median(engine.chain), median(engine.fan)),
    fold_ms_10000_events: median(engine.fold),
    d1_rows_per_task: d1Rows,
    fan100_50ms_vs_bare_inline: ratio("fan100_50ms", "ours", "bare"),
    fan100_50ms_vs_bare_queue: ratio("fan100_50ms", "queue", "bare"),
    fanout_1000_seconds: median(thousand.ms) / 1_000,
    chain10_p99_vs_bare: ratio("chain10", "ours", "bare", ({ ms }) => quantile(ms, 0.99)),
    peak_rss_burst_vs_bare: ratio("burst", "ours", "bare", ({ peakBytes }) => peakBytes),
  };
}
