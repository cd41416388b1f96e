/** An estimate, and then the thing itself: whether what was measured lies where it was said to. */
import type { Measured, Stage } from "./stage.ts";
import type { Trial } from "./workflows.ts";

interface Quantiles {
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
}

interface Estimated {
  readonly duration_ms: Quantiles;
  readonly cost_usd: Quantiles;
  readonly success: number;
}

export interface Comparison {
  readonly trial: Trial;
  readonly estimated: Estimated;
  readonly measured: Measured;
  readonly isWithin: boolean;
}

export async function compare(trial: Trial, stage: Stage): Promise<Comparison> {
  const { workflow, input } = trial;
  const { policies } = await stage.orchestrator.call<{ readonly policies: readonly [Estimated] }>("POST", "/workflows/estimate", {
    workflow,
    input,
    policies: ["as_defined"],
  });
  const [estimated] = policies;
  const runs: Measured[] = [];
  for (let run = 0; run < RUNS; run++) runs.push(await stage.run({ workflow, input }));
  const measured = middle(runs);
  const isWithin =
    measured.status === "task.completed" &&
    within(measured.durationMs, estimated.duration_ms) &&
    within(measured.costUsd, estimated.cost_usd);
  return { trial, estimated, measured, isWithin };
}

/** Of one run alone not even a perfect estimate says more than nine times in ten how long it takes, and what it costs. */
const RUNS = 3;

function middle(runs: readonly Measured[]): Measured {
  const median = (of: (run: Measured) => number): number => runs.map(of).toSorted((a, b) => a - b)[runs.length >> 1] ?? Number.NaN;
  const failed = runs.find(({ status }) => status !== "task.completed");
  return {
    status: failed?.status ?? "task.completed",
    durationMs: median(({ durationMs }) => durationMs),
    costUsd: median(({ costUsd }) => costUsd),
  };
}

export const within = (value: number, { p5, p95 }: Quantiles): boolean => value >= p5 && value <= p95;

export function table(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map(({ trial, estimated: { duration_ms: ms, cost_usd: usd, success }, measured, isWithin }) => [
    trial.name,
    measured.durationMs.toFixed(0),
    `${ms.p5.toFixed(0)} … ${ms.p50.toFixed(0)} … ${ms.p95.toFixed(0)}`,
    measured.costUsd.toFixed(4),
    `${usd.p5.toFixed(4)} … ${usd.p50.toFixed(4)} … ${usd.p95.toFixed(4)}`,
    success.toFixed(2),
    isWithin ? "within" : measured.status === "task.completed" ? "OUTSIDE" : measured.status,
  ]);
  const head = ["workflow", "ms", "p5 … p50 … p95", "USD", "p5 … p50 … p95", "success", ""];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column]?.length ?? 0)));
  return [head, ...rows]
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
