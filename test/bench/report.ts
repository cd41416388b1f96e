/** The figures: what they are, what they must hold and what they aim for. What each is made of stands in `README.md` beside it. */
import { DEFAULTS } from "../../src/shared/limits.ts";

interface Bound {
  readonly figure: string;
  readonly what: string;
  /** Absent for what is reported only. */
  readonly most?: number;
  readonly least?: number;
  readonly aim?: number;
}

const BOUNDS = [
  { figure: "rows_per_step_inline", what: "rows that a chain of 100 inline steps writes in its object, per step", most: 1.1 },
  { figure: "rows_per_step_queue", what: "the same by queue", most: 2.2 },
  { figure: "commits_fan100", what: "journal rows of 100 parallel steps", most: 30, aim: 20 },
  { figure: "chain10_vs_bare", what: "time of 10 steps in a row, against bare", most: 1.25, aim: 1.1 },
  { figure: "fan100_vs_bare", what: "time of 100 parallel steps, against bare with 100 requests at once", most: 0.75, aim: 0.6 },
  { figure: "fan100_vs_capped_bare", what: "… and against bare with six", most: 0.7 },
  { figure: "single_vs_bare", what: "time of one step, against bare", most: 1.25, aim: 1.1 },
  { figure: "burst_200x5_vs_bare", what: "time of 200 tasks of 5 steps at once, against bare", most: 1.35, aim: 1.1 },
  { figure: "chain10_vs_workflows", what: "Cloudflare Workflows' time for 10 steps in a row, against ours", least: 2.2 },
  { figure: "fan100_vs_workflows", what: "… for 100 parallel steps", least: 5 },
  { figure: "burst_vs_workflows", what: "… for 200 runs of 5 steps at once", least: 1.8 },
  { figure: "cpu_per_step_vs_bare", what: "processor time of the burst, against bare", most: 1.5, aim: 1.2 },
  {
    figure: "engine_cost_ratio_10000_vs_100",
    what: "engine time per input in a task of 10,000 steps, against one of 100",
    most: 1.5,
    aim: 1.1,
  },
  { figure: "fold_ms_10000_events", what: "rebuilding a task from 10,000 facts, ms", most: 50 },
  { figure: "d1_rows_per_task", what: "rows written in D1 per task", most: 8, aim: 5 },
  { figure: "fan100_50ms_vs_bare_inline", what: "100 parallel steps whose agent takes 50 ms, six at a time, against bare with 100" },
  { figure: "fan100_50ms_vs_bare_queue", what: "… by queue" },
  { figure: "fan100_50ms_vs_bare", what: "… as it is where the agent leaves it to us: by relay", most: 1.5, aim: 1.2 },
  { figure: "fan100_500ms_seconds", what: "100 parallel steps whose agent takes 500 ms, by relay, seconds", most: 1.2, aim: 0.7 },
  {
    figure: "map_1000_items_1s_seconds",
    what: "a map over 1,000 items of an agent that takes 1 s and lets in 1,000, seconds",
    most: 3,
    aim: 2,
  },
  { figure: "fanout_1000_seconds", what: "1,000 parallel steps, seconds" },
  { figure: "chain10_p99_vs_bare", what: "p99 of chain10, against bare's" },
  { figure: "peak_rss_burst_vs_bare", what: "most memory during the burst, against bare's" },
  {
    figure: "selection_us_1000_agents",
    what: "one choice among 1,000 agents of which 100 qualify, by the slowest policy, µs",
    most: 2_000,
  },
  { figure: "lint_ms_1000_steps", what: "checking a definition of 1,000 steps, compiling it and every warning included, ms", most: 100 },
  { figure: "estimate_ms_1000_runs_50_steps", what: "an estimate of 1,000 runs of 50 steps with ten agents, ms", most: 500 },
  { figure: "hot_path_extra_rows", what: "agent without limits: rows in the task's object per step, beyond one", most: 0 },
  { figure: "hot_path_extra_requests", what: "… and requests to its own object and queue messages, per step", most: 0.05 },
  { figure: "admission_over_limit", what: "most calls at once beyond a limit of 7, 500 steps, its object aborted twice", most: 0 },
  {
    figure: "task_admission_over_limit",
    what: "most tasks of a key at once beyond its limit of 5, 300 tasks, its object aborted twice",
    most: 0,
  },
  { figure: "budget_overdraw", what: "calls beyond a budget of 50, for which 200 steps race", most: 0 },
  { figure: "p99_with_hedge_vs_without", what: "p99 of steps where 5 % of replies take 20 times longer, with a second agent", most: 0.35 },
  { figure: "hedge_extra_calls", what: "calls beyond one per step for that, per step", most: 0.08 },
  { figure: "breaker_calls_after_open", what: "calls to a dead agent with limits after its breaker opened", most: 0 },
  { figure: "breaker_calls_after_open_no_limits", what: "… to one without, where statistics arrive late" },
  {
    figure: "breaker_calls_of_one_task_no_limits",
    what: "most calls of one task to it, by what the task sees itself",
    most: DEFAULTS.breaker.consecutive,
  },
  { figure: "map_10000_items_seconds", what: "a map over 10,000 items of an agent that answers at once, seconds" },
  { figure: "map_peak_object_memory_mb", what: "most memory that all of its objects together hold, MB", most: 64 },
  { figure: "rows_per_map_item", what: "rows that it writes in all of its objects, per item", most: 2.2 },
  { figure: "timers_1000_in_one_task_rows", what: "rows of a task with 1,000 timers 20 ms apart, per timer" },
  { figure: "timers_1000_alarm_moves", what: "… of which alarms", most: 1.1 },
  { figure: "cache_hit_extra_rows", what: "rows of a step that the cache answers, beyond those of one that only computes", most: 1 },
  { figure: "fork_ms_1000_events", what: "forking a task of 1,000 events, until the new one is there, ms" },
  { figure: "replay_events_per_second", what: "events of a journal played again in a second" },
] as const satisfies readonly Bound[];

/** Those that were measured. */
export type Figures = { [F in (typeof BOUNDS)[number]["figure"]]?: number };

/** How far the bench has come, aside from what it prints. */
export const progress = (text: string): void => void process.stderr.write(`${text}\n`);

const holds = (value: number, { most = Infinity, least = -Infinity }: Bound): boolean => value <= most && value >= least;

export function isWithin(figures: Figures): boolean {
  return BOUNDS.every((bound) => {
    const value = figures[bound.figure];
    return value === undefined || holds(value, bound);
  });
}

export function report(figures: Figures): string {
  const rows = BOUNDS.flatMap((bound: Bound & { figure: keyof Figures }) => {
    const value = figures[bound.figure];
    if (value === undefined) return [];
    const limit = bound.most !== undefined ? `≤ ${bound.most}` : bound.least !== undefined ? `≥ ${bound.least}` : "";
    const verdict = limit === "" ? "" : holds(value, bound) ? "held" : "MISSED";
    return [[bound.figure, value.toFixed(2), limit, bound.aim === undefined ? "" : String(bound.aim), verdict, bound.what]];
  });
  const table = [["figure", "measured", "bound", "aim", "", "what it is"], ...rows];
  const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  return table
    .map((row) =>
      row
        .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
