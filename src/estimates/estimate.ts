/**
 * The estimate of a task: what it would take and cost if it were submitted now, under each of some policies. Nothing is
 * called and nothing recorded. The same question, seed and agents always get the same answer.
 *
 * E1. Runs under one policy are alike but for chance; policies are compared under the same chance.
 * E2. Work is bounded by the steps that are simulated, and done in slices, so that whoever drives it can let others go on.
 */
import type { DirectorySnapshot } from "../agents/selection/selection.ts";
import type { Graph } from "../language/graph.ts";
import type { Policy } from "../language/staffing.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import type { Json } from "../shared/json.ts";
import type { Library } from "../language/library.ts";
import { LIMITS } from "./limits.ts";
import { randomFrom } from "../shared/random.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { Notes, type Assumption, type StepAssumption } from "./assumptions.ts";
import { Chance } from "./chance.ts";
import { Findings, type Warning } from "./findings.ts";
import { Knowledge, unknown } from "./known.ts";
import { leastOf, type Least } from "./least.ts";
import type { Plan } from "./plan.ts";
import { Planner, PlanTooLarge } from "./planner.ts";
import { Run, RunTooLong, type Setting } from "./run.ts";
import type { Surroundings } from "./surroundings.ts";
import { Tally, type Budget } from "./tally.ts";

export interface EstimateQuestion {
  readonly graph: Graph;
  readonly library: Library;
  readonly snapshot: DirectorySnapshot;
  readonly surroundings: Surroundings;
  /** `undefined`: not known. */
  readonly input: Json | undefined;
  readonly runs: number;
  readonly seed: number;
  /** `null`: each step's own policy. */
  readonly policies: readonly (Policy | null)[];
  readonly budget: Budget | null;
  readonly assume: { readonly [step: string]: StepAssumption };
  readonly paysForFailures: boolean | null;
  readonly deadlineMs: number | null;
  readonly now: number;
}

export interface PolicyEstimate {
  readonly policy: Policy | null;
  readonly tally: Tally;
}

export interface Estimate {
  /** As many as were simulated of each policy. */
  readonly runs: number;
  readonly policies: readonly PolicyEstimate[];
  /** The cheapest way through, whatever the policy. */
  readonly least: Least;
  readonly assumptions: readonly Assumption[];
  readonly warnings: readonly Warning[];
}

/** Yields between slices of its work. */
export function* estimate(question: EstimateQuestion): Generator<void, Result<Estimate, Rejection>> {
  const findings = new Findings(new Notes(), question.assume);
  try {
    const prepared = question.policies.map((policy) => prepare(question, policy, findings));
    yield;
    const [first] = prepared as [Prepared, ...Prepared[]];
    const least = leastOf(first.setting.plan, first.setting.knowledge, first.setting.surrounding);
    const runs = yield* runsFor(question, prepared, findings);
    if (runs === null)
      return err(
        tooLarge(`${LIMITS.estimateLeastRuns} runs of it would have more steps than one estimate simulates (${LIMITS.estimateSteps})`),
      );
    const policies = yield* simulate(question, prepared, runs);
    conclude(question, policies, least, findings);
    tellGuesses(first.setting.plan, findings);
    return ok({ runs, policies, least, assumptions: findings.notes.all, warnings: findings.warnings });
  } catch (error) {
    if (error instanceof RunTooLong || error instanceof PlanTooLarge) return err(tooLarge(error.message));
    throw error;
  }
}

interface Prepared {
  readonly policy: Policy | null;
  readonly setting: Setting;
}

function prepare(question: EstimateQuestion, policy: Policy | null, findings: Findings): Prepared {
  const { input, paysForFailures, now, surroundings } = question;
  const knowledge = new Knowledge();
  const surrounding = knowledge.surrounding(null, { input: input === undefined ? unknown("input") : knowledge.known(input) });
  const plan = new Planner({ ...question, policy }, knowledge, surrounding, findings.notes).plan();
  return { policy, setting: { plan, knowledge, surrounding, surroundings, findings, paysForFailures, startedAt: now } };
}

/** As many runs as asked for, or as there is room for; `null` when that is too few to say anything. */
function* runsFor({ runs, seed }: EstimateQuestion, prepared: readonly Prepared[], findings: Findings): Generator<void, number | null> {
  let steps = 0;
  for (const { setting } of prepared) {
    const run = new Run(setting, new Chance(randomFrom(`${seed}/size`)));
    run.begin();
    while (!run.goOn(LIMITS.estimateSliceSteps)) yield;
    steps += Math.max(1, run.steps);
    yield;
  }
  const most = Math.floor(LIMITS.estimateSteps / steps);
  if (most < LIMITS.estimateLeastRuns) return null;
  if (most >= runs) return runs;
  const message = `One run has about ${Math.round(steps / prepared.length)} steps, so ${most} of each policy were simulated instead of ${runs}`;
  findings.warn({ code: "fewer_runs", message });
  return most;
}

function* simulate({ seed }: EstimateQuestion, prepared: readonly Prepared[], runs: number): Generator<void, readonly PolicyEstimate[]> {
  const policies: PolicyEstimate[] = [];
  let [inSlice, all] = [0, 0];
  for (const { policy, setting } of prepared) {
    const tally = new Tally(setting.plan);
    const unit = randomFrom(String(seed));
    for (let index = 0; index < runs; index++) {
      const run = new Run(setting, new Chance(unit));
      run.begin();
      while (!run.goOn(LIMITS.estimateSliceSteps)) yield;
      tally.add(run);
      all += run.steps;
      // Runs that turned out much longer than the first one are bounded all the same.
      if (all > 2 * LIMITS.estimateSteps)
        throw new RunTooLong(`Its runs have more steps than one estimate simulates (${LIMITS.estimateSteps})`);
      if ((inSlice += run.steps + RUN_WEIGHT) < LIMITS.estimateSliceSteps) continue;
      inSlice = 0;
      yield;
    }
    policies.push({ policy, tally });
  }
  return policies;
}

/** A run without steps takes its time too. */
const RUN_WEIGHT = 10;

function conclude({ budget }: EstimateQuestion, policies: readonly PolicyEstimate[], least: Least, findings: Findings): void {
  if (policies.every(({ tally }) => tally.success === 0)) {
    findings.warn({ code: "never_completes", message: "No run completes; what is told of duration and cost is that of runs that do not" });
  }
  if (budget === null || policies.some(({ tally }) => tally.within(budget) > 0)) return;
  const short = [
    shortage("cost_usd", budget.costUsd, least.costUsd * (1 - 1e-9)),
    shortage("tokens", budget.tokens, least.tokens),
    shortage("calls", budget.calls, least.calls),
  ].filter((text) => text !== null);
  if (short.length > 0) {
    const message = `Even the cheapest way through, with the cheapest agent everywhere and nothing failing, takes more: ${short.join("; ")}`;
    findings.warn({ code: "budget_too_small", message });
  } else if (policies.some(({ tally }) => tally.success > 0)) {
    findings.warn({ code: "over_budget", message: "No run completes within the budget, under none of the policies" });
  }
}

function shortage(field: string, most: number | null, least: number): string | null {
  return most === null || least <= most ? null : `${field} ${Number(least.toPrecision(6))} of ${most}`;
}

/** What is not known of agents that steps may get. */
function tellGuesses({ crew }: Plan, findings: Findings): void {
  for (const { id, usual } of crew) {
    for (const { field, value, why } of usual.guesses) findings.notes.add({ agent: id, field, value, why, given: false });
  }
}

function tooLarge(why: string): Rejection {
  return rejection("limit_reached", `${why}; assume fewer items or iterations, or estimate a part of it`);
}
