/** What the runs of a policy came to, together. */
import { walkBack } from "./critical-path.ts";
import type { AssumedTask } from "./assumed-nodes.ts";
import type { SimulatedRun } from "./simulated-run.ts";
import { LIMITS } from "./limits.ts";

export interface Quantiles {
  readonly p5: number;
  readonly p50: number;
  readonly p95: number;
  readonly mean: number;
}

/** What a task may use. */
export interface Budget {
  readonly costUsd: number | null;
  readonly tokens: number | null;
  readonly calls: number | null;
  readonly durationMs: number | null;
}

interface Outcome {
  readonly durationMs: number;
  readonly costUsd: number;
  readonly calls: number;
  readonly tokens: number;
  readonly isCompleted: boolean;
}

export class Tally {
  readonly #task: AssumedTask;
  readonly #outcomes: Outcome[] = [];
  /** By place: runs that it was on the longest way of, and how long it was there; what it cost. */
  readonly #runs: number[] = [];
  readonly #ms: number[] = [];
  readonly #costs: number[] = [];
  readonly #callsByAgent: number[] = [];
  readonly #costByAgent: number[] = [];

  constructor(task: AssumedTask) {
    this.#task = task;
  }

  add(run: SimulatedRun): void {
    const { durationMs, costUsd, calls, tokens, end } = run;
    this.#outcomes.push({ durationMs, costUsd, calls, tokens, isCompleted: end?.status === "completed" });
    addEach(this.#costs, run.costByPlace);
    addEach(this.#callsByAgent, run.callsByAgent);
    addEach(this.#costByAgent, run.costByAgent);
    const seen = new Set<number>();
    walkBack(run.root, (place, ms) => {
      this.#ms[place] = (this.#ms[place] ?? 0) + ms;
      if (seen.has(place)) return;
      seen.add(place);
      this.#runs[place] = (this.#runs[place] ?? 0) + 1;
    });
  }

  get runs(): number {
    return this.#outcomes.length;
  }

  /** Share of the runs that complete. */
  get success(): number {
    return this.#share(({ isCompleted }) => isCompleted);
  }

  /** Share of the runs that complete and use no more than this. */
  within(budget: Budget): number {
    return this.#share(
      ({ costUsd, tokens, calls, durationMs, isCompleted }) =>
        isCompleted &&
        costUsd <= (budget.costUsd ?? Number.POSITIVE_INFINITY) * (1 + NOISE) &&
        tokens <= (budget.tokens ?? Number.POSITIVE_INFINITY) &&
        calls <= (budget.calls ?? Number.POSITIVE_INFINITY) &&
        durationMs <= (budget.durationMs ?? Number.POSITIVE_INFINITY),
    );
  }

  /** Of the runs that complete; of all where none does. */
  quantiles(of: "durationMs" | "costUsd" | "calls" | "tokens"): Quantiles {
    const completed = this.#outcomes.filter(({ isCompleted }) => isCompleted);
    const values = (completed.length > 0 ? completed : this.#outcomes).map((outcome) => outcome[of]).toSorted((a, b) => a - b);
    const at = (share: number): number => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? 0;
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
    return { p5: at(0.05), p50: at(0.5), p95: at(0.95), mean };
  }

  /** Steps on the longest way, those first that are there longest. `ms`: in the runs in which they are on it. */
  criticalPath(): readonly { readonly step: string; readonly share: number; readonly ms: number }[] {
    return this.#places(this.#runs)
      .map(({ place, step }) => {
        const runs = this.#runs[place] ?? 0;
        return { step, share: runs / this.runs, ms: (this.#ms[place] ?? 0) / runs };
      })
      .toSorted((a, b) => b.share * b.ms - a.share * a.ms)
      .slice(0, LIMITS.estimateDominators);
  }

  /** What most of the time and the money goes to. */
  dominators(): readonly { readonly step: string; readonly durationShare: number; readonly costShare: number }[] {
    const [ms, cost] = [sumOf(this.#ms), sumOf(this.#costs)];
    return this.#places(this.#ms, this.#costs)
      .map(({ place, step }) => ({
        step,
        durationShare: ms === 0 ? 0 : (this.#ms[place] ?? 0) / ms,
        costShare: cost === 0 ? 0 : (this.#costs[place] ?? 0) / cost,
      }))
      .filter(({ durationShare, costShare }) => Math.max(durationShare, costShare) >= LEAST_SHARE)
      .toSorted((a, b) => Math.max(b.durationShare, b.costShare) - Math.max(a.durationShare, a.costShare))
      .slice(0, LIMITS.estimateDominators);
  }

  /** Who gets the calls, on average. */
  agents(): readonly { readonly agent: string; readonly calls: number; readonly costUsd: number }[] {
    return this.#task.agents
      .map(({ id }, index) => ({
        agent: id,
        calls: (this.#callsByAgent[index] ?? 0) / this.runs,
        costUsd: (this.#costByAgent[index] ?? 0) / this.runs,
      }))
      .filter(({ calls }) => calls > 0)
      .toSorted((a, b) => b.calls - a.calls || (a.agent < b.agent ? -1 : 1))
      .slice(0, LIMITS.estimateDominators);
  }

  #share(holds: (outcome: Outcome) => boolean): number {
    return this.#outcomes.filter(holds).length / Math.max(1, this.runs);
  }

  #places(...figures: readonly (readonly number[])[]): readonly { readonly place: number; readonly step: string }[] {
    return this.#task.places
      .map((step, place) => ({ place, step }))
      .filter(({ place }) => figures.some((figure) => (figure[place] ?? 0) > 0));
  }
}

/** Sums of the same prices in another order. */
const NOISE = 1e-9;
const LEAST_SHARE = 0.01;

function addEach(sums: number[], values: readonly number[]): void {
  // Sparse: most runs have a few of many.
  values.forEach((value, index) => (sums[index] = (sums[index] ?? 0) + value));
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
