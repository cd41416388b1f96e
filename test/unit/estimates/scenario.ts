/** Given a workflow and agents, it would take so long and cost so much: in a world where nothing but agents takes time. */
import { snapshotOf, type DirectorySnapshot } from "../../../src/agents/selection/selection.ts";
import { BUILTIN_AGENTS } from "../../../src/agents/transports/builtin.ts";
import { compileWorkflow } from "../../../src/language/compile.ts";
import { estimate, type Estimate, type EstimateQuestion, type PolicyEstimate } from "../../../src/estimates/estimate.ts";
import type { Library } from "../../../src/language/library.ts";
import type { Rejection } from "../../../src/shared/errors.ts";
import type { Result } from "../../../src/shared/result.ts";
import type { Steps } from "../engine/scenario.ts";
import { agent, directoryOf, NOW } from "../agents/candidates.ts";

export const SECOND = 1_000;

export interface Given extends Partial<Omit<EstimateQuestion, "graph" | "library">> {
  /** Other fields of the definition. */
  readonly more?: object;
  /** Those that it starts: their steps, or all of their definitions. */
  readonly workflows?: Readonly<Record<string, Steps | { readonly steps: Steps; readonly concurrency: object }>>;
}

/** One agent that offers `work`, of whom nothing is known but a price. */
export const WORKER = directoryOf(agent("worker", { price: { perCallUsd: 0.01 } }));
export const BUILTIN: DirectorySnapshot = snapshotOf(BUILTIN_AGENTS, new Map(), NOW);

export function questionOf(steps: Steps, { more = {}, workflows = {}, ...given }: Given = {}): EstimateQuestion {
  const compiled = compileWorkflow(JSON.stringify({ steps, ...more }));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.error));
  const library: Library = Object.fromEntries(
    Object.entries(workflows).map(([name, inner]) => [
      name,
      { name, version: 1, definition: JSON.stringify("steps" in inner ? inner : { steps: inner }) },
    ]),
  );
  return {
    graph: compiled.value.graph,
    library,
    snapshot: WORKER,
    inlinePlaces: 1_000,
    input: {},
    runs: 50,
    seed: 1,
    policies: [null],
    budget: null,
    allowance: undefined,
    assume: {},
    paysForFailures: true,
    deadlineMs: null,
    now: NOW,
    ...given,
  };
}

export function tryEstimate(question: EstimateQuestion): { readonly found: Result<Estimate, Rejection>; readonly slices: number } {
  const work = estimate(question);
  for (let slices = 1; ; slices++) {
    const { done, value } = work.next();
    if (done) return { found: value, slices };
  }
}

export function estimateOf(steps: Steps, given: Given = {}): Estimate & { readonly first: PolicyEstimate["tally"] } {
  const { found } = tryEstimate(questionOf(steps, given));
  if (!found.ok) throw new Error(found.error.detail);
  return { ...found.value, first: (found.value.policies[0] as PolicyEstimate).tally };
}

/** What every run takes and costs, where all are alike. */
export function exactly(steps: Steps, given: Given = {}) {
  const { first } = estimateOf(steps, given);
  const same = (of: "durationMs" | "costUsd" | "calls"): number => {
    const { p5, p50, p95 } = first.quantiles(of);
    const most = Math.max(p5, p50, p95);
    if (most - Math.min(p5, p50, p95) > 1e-9) throw new Error(`${of} differs: ${p5}, ${p50}, ${p95}`);
    return Math.round(most * 1e6) / 1e6;
  };
  return { ms: same("durationMs"), usd: same("costUsd"), calls: same("calls"), success: first.success };
}

/** Calls that always succeed and take so long. */
export const takes = (time: string, more: object = {}) => ({ takes: time, succeeds: 1, ...more });
