/**
 * `npm run bench`: what the service costs, in counts and in ratios to a bare equivalent measured in the same run.
 * `-- --json` prints one JSON object as the last line, `-- --rounds N` takes more or fewer than five turns.
 *
 * B1. Targets take turns in random order, with a pause after each, so that nobody's after-work falls on a neighbour.
 * B2. Every answer is checked, and every call to the agent counted.
 * B3. A ratio is one of medians over all turns.
 */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { engineCostRatio, foldMs } from "./engine.ts";
import { isWithin, report, type Figures } from "./report.ts";
import { freePort } from "../../scripts/free-port.ts";
import { median, quantile, shuffled } from "./statistics.ts";
import { bare, ours, workflows, type Target, type Work } from "./targets.ts";

const { values: options } = parseArgs({ options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } } });
const rounds = Number(options.rounds);
const progress = (text: string): void => void process.stderr.write(`${text}\n`);

/** One kind of measurement: the same work, so many times in one turn, so many of them at once. */
interface Cell {
  readonly name: string;
  readonly work: Work;
  readonly targets: readonly Target[];
  readonly times: number;
  readonly together?: number;
}

interface Turn {
  /** Of each run, or of all together. */
  readonly ms: readonly number[];
  readonly cpuSecondsPerStep: number;
  readonly peakBytes: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Until the target has done what it does after the answers. */
async function settled({ server }: Target): Promise<void> {
  await pause(2_500);
  for (let before = server.cpuSeconds(); ; before = server.cpuSeconds()) {
    await pause(300);
    if (server.cpuSeconds() - before < 0.03) return;
  }
}

let expectedCalls = 0;

async function takeTurn(target: Target, { work, times, together = 1 }: Cell): Promise<Turn> {
  const ms: number[] = [];
  target.server.resetPeak();
  const cpuBefore = target.server.cpuSeconds();
  for (let time = 0; time < times; time++) {
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: together }, () => target.run(work)));
    ms.push(performance.now() - startedAt);
  }
  await settled(target);
  const steps = work.steps * times * together;
  expectedCalls += steps;
  return { ms, cpuSecondsPerStep: (target.server.cpuSeconds() - cpuBefore) / steps, peakBytes: target.server.peakBytes() };
}

async function meter(target: Target, task = ""): Promise<Record<string, number>> {
  return (await (await fetch(`${target.server.url}/meter${task && `/${task}`}`)).json()) as Record<string, number>;
}

/** What a task wrote in its own object, its archive included. */
async function writesOf(target: Target, work: Work): Promise<{ readonly rows: number; readonly commits: number }> {
  const id = await target.run(work);
  expectedCalls += work.steps;
  await settled(target);
  const { rowsWritten = 0, alarmsSet = 0, journalRows = 0 } = await meter(target, id);
  return { rows: rowsWritten + alarmsSet, commits: journalRows };
}

/** Rows written in D1 per task, for tasks that are over at once and for tasks that last. */
async function d1RowsPerTask(target: Target): Promise<number> {
  const of = async (work: Work): Promise<number> => {
    const before = (await meter(target))["d1RowsWritten"] ?? 0;
    const tasks = 10;
    for (let task = 0; task < tasks; task++) await target.run(work);
    expectedCalls += work.steps * tasks;
    await settled(target);
    return (((await meter(target))["d1RowsWritten"] ?? 0) - before) / tasks;
  };
  return Math.max(await of({ shape: "chain", steps: 10 }), await of({ shape: "chain", steps: 10, ms: 50 }));
}

async function measure(agent: string, [mine, plain, theirs]: readonly [Target, Target, Target]): Promise<Figures> {
  const both = [mine, plain];
  const all = [mine, plain, theirs];
  const fan50: Work = { shape: "fan", steps: 100, ms: 50 };
  const cells: readonly Cell[] = [
    { name: "single", work: { shape: "chain", steps: 1 }, targets: both, times: 30 },
    { name: "chain10", work: { shape: "chain", steps: 10 }, targets: both, times: 15 },
    { name: "chain10 once", work: { shape: "chain", steps: 10 }, targets: [theirs], times: 5 },
    { name: "fan100", work: { shape: "fan", steps: 100 }, targets: all, times: 4 },
    { name: "fan100 capped", work: { shape: "fan", steps: 100, cap: 6 }, targets: [plain], times: 4 },
    { name: "fan100 50ms", work: fan50, targets: both, times: 1 },
    { name: "fan100 50ms queue", work: { ...fan50, way: "queue" }, targets: [mine], times: 1 },
    { name: "burst", work: { shape: "chain", steps: 5 }, targets: all, times: 1, together: 200 },
  ];
  const turns = new Map<string, Turn[]>();
  const plan = cells.flatMap((cell) => cell.targets.map((target) => ({ cell, target, key: `${cell.name} ${target.name}` })));
  for (let round = 0; round <= rounds; round++) {
    progress(round === 0 ? "warming up" : `round ${round} of ${rounds}`);
    for (const { cell, target, key } of shuffled(plan)) {
      const turn = await takeTurn(target, cell);
      progress(`  ${key}: ${median(turn.ms).toFixed(1)} ms, ${(turn.cpuSecondsPerStep * 1e6).toFixed(0)} µs of CPU per step`);
      if (round > 0) turns.set(key, [...(turns.get(key) ?? []), turn]);
    }
  }
  const of = (key: string, target: Target): readonly Turn[] => turns.get(`${key} ${target.name}`) ?? [];
  const times = (key: string, target: Target): readonly number[] => of(key, target).flatMap(({ ms }) => ms);
  const ms = (key: string, target: Target): number => median(times(key, target));
  const each = (key: string, target: Target, figure: (turn: Turn) => number): number => median(of(key, target).map(figure));

  progress("counting rows");
  const inline = await writesOf(mine, { shape: "chain", steps: 100 });
  const queued = await writesOf(mine, { shape: "chain", steps: 100, way: "queue" });
  const fan = await writesOf(mine, { shape: "fan", steps: 100 });
  const d1Rows = await d1RowsPerTask(mine);
  const thousand = await takeTurn(mine, { name: "", work: { shape: "fan", steps: 1_000 }, targets: [], times: 3 });

  const { calls } = (await (await fetch(`${agent}/calls`)).json()) as { calls: number };
  if (calls !== expectedCalls) throw new Error(`The agent was called ${calls} times for ${expectedCalls} steps`);

  return {
    rows_per_step_inline: inline.rows / 100,
    rows_per_step_queue: queued.rows / 100,
    commits_fan100: fan.commits,
    chain10_vs_bare: ms("chain10", mine) / ms("chain10", plain),
    fan100_vs_bare: ms("fan100", mine) / ms("fan100", plain),
    fan100_vs_capped_bare: ms("fan100", mine) / ms("fan100 capped", plain),
    single_vs_bare: ms("single", mine) / ms("single", plain),
    burst_200x5_vs_bare: ms("burst", mine) / ms("burst", plain),
    chain10_vs_workflows: ms("chain10 once", theirs) / ms("chain10", mine),
    fan100_vs_workflows: ms("fan100", theirs) / ms("fan100", mine),
    burst_vs_workflows: ms("burst", theirs) / ms("burst", mine),
    cpu_per_step_vs_bare:
      each("burst", mine, ({ cpuSecondsPerStep }) => cpuSecondsPerStep) /
      each("burst", plain, ({ cpuSecondsPerStep }) => cpuSecondsPerStep),
    engine_cost_ratio_10000_vs_100: engineCostRatio(15),
    fold_ms_10000_events: foldMs(9),
    d1_rows_per_task: d1Rows,
    fan100_50ms_vs_bare_inline: ms("fan100 50ms", mine) / ms("fan100 50ms", plain),
    fan100_50ms_vs_bare_queue: ms("fan100 50ms queue", mine) / ms("fan100 50ms", plain),
    fanout_1000_seconds: median(thousand.ms) / 1_000,
    chain10_p99_vs_bare: quantile(times("chain10", mine), 0.99) / quantile(times("chain10", plain), 0.99),
    peak_rss_burst_vs_bare: each("burst", mine, ({ peakBytes }) => peakBytes) / each("burst", plain, ({ peakBytes }) => peakBytes),
  };
}

const state = mkdtempSync(join(tmpdir(), "orchestrator-bench-"));
const agentPort = await freePort();
const agentProcess = fork(join(import.meta.dirname, "agent.ts"), [String(agentPort)]);
await new Promise((resolve) => agentProcess.once("message", resolve));
const agent = `http://127.0.0.1:${agentPort}`;
const started: Target[] = [];
let isGood = false;
try {
  for (const start of [ours, bare, workflows]) {
    const target = await start(await freePort(), join(state, start.name), agent);
    started.push(target);
    progress(`${target.name} is ready`);
  }
  const figures = await measure(agent, started as [Target, Target, Target]);
  console.log(report(figures));
  if (options.json) console.log(JSON.stringify(figures));
  isGood = isWithin(figures);
} finally {
  await Promise.all(started.map(({ server }) => server.stop()));
  agentProcess.kill();
  rmSync(state, { recursive: true, force: true });
}
process.exitCode = isGood ? 0 : 1;
