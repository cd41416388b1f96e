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
import type { Library, LibraryEntry } from "../language/library.ts";
import { LIMITS } from "./limits.ts";
import { randomFrom } from "../shared/random.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { taskBudget, type BudgetDefinition, type TaskBudget } from "../language/budget-definition.ts";
import { compileWorkflow } from "../language/compile.ts";
import { durationMs } from "../shared/time.ts";
import { AgentsAsked, TooManyChoices } from "./agents-asked.ts";
import { AssumedExpressions } from "./assumed-expressions.ts";
import { GraphMaker } from "./assumed-graph.ts";
import type { AssumedTask, AssumedWorkflow } from "./assumed-nodes.ts";
import { Notes, type Assumption, type StepAssumption } from "./assumptions.ts";
import { Chance } from "./chance.ts";
import { Findings, type Warning } from "./findings.ts";
import { Knowledge, unknownValue } from "./known.ts";
import { leastOf, type Least } from "./least.ts";
import { RunTooLong, SimulatedRun, type Setting } from "./simulated-run.ts";
import { pathInWorkflow } from "./step-names.ts";
import { Tally, type Budget } from "./tally.ts";

export interface EstimateQuestion {
  readonly graph: Graph;
  readonly library: Library;
  readonly snapshot: DirectorySnapshot;
  /** How many agents a task awaits itself at once. */
  readonly inlinePlaces: number;
  /** `undefined`: not known. */
  readonly input: Json | undefined;
  readonly runs: number;
  readonly seed: number;
  /** `null`: each step's own policy. */
  readonly policies: readonly (Policy | null)[];
  /** What the runs are compared with. */
  readonly budget: Budget | null;
  /** What the workflow allows its tasks to spend: they act on it. */
  readonly allowance: TaskBudget | undefined;
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
    const least = leastOf(first.setting.task, first.setting.knowledge, { input: first.setting.input });
    const runs = yield* runsFor(question, prepared, findings);
    if (runs === null)
      return err(
        tooLarge(`${LIMITS.estimateLeastRuns} runs of it would have more steps than one estimate simulates (${LIMITS.estimateSteps})`),
      );
    const policies = yield* simulate(question, prepared, runs);
    conclude(question, policies, least, findings);
    tellGuesses(first.setting.task, findings);
    return ok({ runs, policies, least, assumptions: findings.notes.all, warnings: findings.warnings });
  } catch (error) {
    if (error instanceof RunTooLong || error instanceof TooManyChoices) return err(tooLarge(error.message));
    throw error;
  }
}

interface Prepared {
  readonly policy: Policy | null;
  readonly setting: Setting;
  readonly begin: (chance: Chance, number: number) => SimulatedRun;
}

function prepare(question: EstimateQuestion, policy: Policy | null, findings: Findings): Prepared {
  const { graph, library, paysForFailures, now: startedAt, inlinePlaces, deadlineMs, allowance: budget } = question;
  const knowledge = new Knowledge();
  const input = question.input === undefined ? unknownValue("input") : knowledge.given(question.input);
  const agents = new AgentsAsked({ ...question, policy, names: { input } }, knowledge);
  const expressions = new AssumedExpressions(knowledge, findings);
  const maker = new GraphMaker(expressions, findings, question.assume, agents);
  const made = maker.graph(graph, "");
  // Those that steps start are looked at beforehand, so that what is assumed of them can be checked.
  const workflows = new Map(Object.entries(library).map(([reference, entry]) => [reference, workflowOf(reference, entry, maker)]));
  const task: AssumedTask = {
    graph: made,
    workflow: (reference) => workflows.get(reference) ?? null,
    places: maker.places,
    agents: agents.all,
  };
  const setting: Setting = { task, knowledge, findings, input, inlinePlaces, deadlineMs, budget, paysForFailures, startedAt };
  const begin = (chance: Chance, number: number): SimulatedRun => {
    const run = new SimulatedRun(setting, chance, number);
    expressions.present = run;
    return run;
  };
  return { policy, setting, begin };
}

function workflowOf(reference: string, { name, version, definition }: LibraryEntry, maker: GraphMaker): AssumedWorkflow | null {
  const compiled = compileWorkflow(definition);
  if (!compiled.ok) return null;
  const { deadline, budget } = JSON.parse(definition) as { readonly deadline?: string; readonly budget?: BudgetDefinition };
  return {
    name,
    version,
    graph: maker.graph(compiled.value.graph, pathInWorkflow(reference)),
    deadlineMs: deadline === undefined ? null : durationMs(deadline),
    budget: taskBudget(undefined, budget),
  };
}

/** As many runs as asked for, or as there is room for; `null` when that is too few to say anything. */
function* runsFor({ runs, seed }: EstimateQuestion, prepared: readonly Prepared[], findings: Findings): Generator<void, number | null> {
  let steps = 0;
  for (const { begin } of prepared) {
    const run = begin(new Chance(randomFrom(`${seed}/size`)), 0);
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
  for (const { policy, setting, begin } of prepared) {
    const tally = new Tally(setting.task);
    const unit = randomFrom(String(seed));
    for (let index = 0; index < runs; index++) {
      const run = begin(new Chance(unit), index);
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
function tellGuesses({ agents }: AssumedTask, findings: Findings): void {
  for (const { id, usual } of agents) {
    for (const { field, value, why } of usual.guesses) findings.notes.add({ agent: id, field, value, why, given: false });
  }
}

function tooLarge(why: string): Rejection {
  return rejection("limit_reached", `${why}; assume fewer items or iterations, or estimate a part of it`);
}
