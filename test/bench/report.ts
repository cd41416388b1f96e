/** The figures, what they must hold and what they aim for. What each is made of stands in `src/README.md`. */

interface Bound {
  readonly figure: string;
  /** Absent for what is reported only. */
  readonly most?: number;
  readonly least?: number;
  readonly aim?: number;
}

const BOUNDS = [
  { figure: "rows_per_step_inline", most: 1.1 },
  { figure: "rows_per_step_queue", most: 2.2 },
  { figure: "commits_fan100", most: 30, aim: 20 },
  { figure: "chain10_vs_bare", most: 1.25, aim: 1.1 },
  { figure: "fan100_vs_bare", most: 0.75, aim: 0.6 },
  { figure: "fan100_vs_capped_bare", most: 0.7 },
  { figure: "single_vs_bare", most: 1.25, aim: 1.1 },
  { figure: "burst_200x5_vs_bare", most: 1.35, aim: 1.1 },
  { figure: "chain10_vs_workflows", least: 2.2 },
  { figure: "fan100_vs_workflows", least: 5 },
  { figure: "burst_vs_workflows", least: 1.8 },
  { figure: "cpu_per_step_vs_bare", most: 1.5, aim: 1.2 },
  { figure: "engine_cost_ratio_10000_vs_100", most: 1.5, aim: 1.1 },
  { figure: "fold_ms_10000_events", most: 50 },
  { figure: "d1_rows_per_task", most: 8, aim: 5 },
  { figure: "fan100_50ms_vs_bare_inline" },
  { figure: "fan100_50ms_vs_bare_queue" },
  { figure: "fanout_1000_seconds" },
  { figure: "chain10_p99_vs_bare" },
  { figure: "peak_rss_burst_vs_bare" },
] as const satisfies readonly Bound[];

export type Figures = Readonly<Record<(typeof BOUNDS)[number]["figure"], number>>;

const holds = (value: number, { most = Infinity, least = -Infinity }: Bound): boolean => value <= most && value >= least;

export function isWithin(figures: Figures): boolean {
  return BOUNDS.every((bound) => holds(figures[bound.figure], bound));
}

export function report(figures: Figures): string {
  const rows = BOUNDS.map((bound: Bound & { figure: keyof Figures }) => {
    const value = figures[bound.figure];
    const limit = bound.most !== undefined ? `≤ ${bound.most}` : bound.least !== undefined ? `≥ ${bound.least}` : "";
    return [
      bound.figure,
      value.toFixed(2),
      limit,
      bound.aim === undefined ? "" : String(bound.aim),
      limit === "" ? "" : holds(value, bound) ? "held" : "MISSED",
    ];
  });
  const table = [["figure", "measured", "bound", "aim", ""], ...rows];
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
