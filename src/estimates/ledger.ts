/** What a simulated run costs: what its agents ask for, and what the platform counts. */
import { newCounts, type Counts } from "./counts.ts";
import type { Call } from "./crew-run.ts";
import type { PlanStep } from "./plan.ts";
import type { Member } from "./pool.ts";

export class Ledger {
  readonly counts: Counts = newCounts();
  costUsd = 0;
  tokens = 0;
  /** By place of the step. */
  readonly costByPlace: number[] = [];
  readonly callsByAgent: number[] = [];
  readonly costByAgent: number[] = [];
  /** Agents that were called. */
  agents = 0;
  readonly #paysForFailures: boolean;

  constructor(paysForFailures: boolean) {
    this.#paysForFailures = paysForFailures;
  }

  pay({ place }: PlanStep, { agent }: Member, { costUsd, tokens }: Call, isUseful: boolean): void {
    const before = this.callsByAgent[agent] ?? 0;
    if (before === 0) this.agents++;
    this.callsByAgent[agent] = before + 1;
    if (!isUseful && !this.#paysForFailures) return;
    this.costUsd += costUsd;
    this.tokens += tokens;
    this.costByPlace[place] = (this.costByPlace[place] ?? 0) + costUsd;
    this.costByAgent[agent] = (this.costByAgent[agent] ?? 0) + costUsd;
  }
}
