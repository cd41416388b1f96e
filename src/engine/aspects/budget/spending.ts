/**
 * What a step may spend: its agents begin if the budget allows for them. If it does not, the step waits as long as a call
 * under way may give some back; then the budget is exhausted, and the task does what it was told to do in that case.
 */
import { LIMITS } from "../../limits.ts";
import { microsOf, NO_AMOUNTS, plus, type Amounts, type Resource } from "../../../shared/money.ts";
import { excerpt } from "../../../shared/text.ts";
import { lacks, remaining, worded } from "./account.ts";
import { promisedCalls } from "./promised.ts";
import type { Budget, BudgetOfAttempt } from "./shape.ts";
import type { Ruling, Starter } from "../aspect.ts";
import { askForMore } from "./ask.ts";
import type { Failure } from "../../facts/failure.ts";
import type { TaskEvent } from "../../facts/event.ts";
import { kindOf } from "../../../language/kinds/table.ts";
import type { Selection } from "../../../language/staffing.ts";
import { stepAt, waitersFor, type TaskState } from "../../state/state.ts";
import type { AgentStep, Step } from "../../state/step-state.ts";
import type { AgentChoice, Choice, World } from "../../world.ts";

type Facts = readonly TaskEvent[];

/** What is set aside for a call: the most that the step allows, else what the agent is expected to cost. */
export function reservedFor(
  { budget }: TaskState,
  { node }: AgentStep,
  { isFrugal }: Pick<Choice, "isFrugal">,
  { cost }: AgentChoice,
): BudgetOfAttempt | null {
  if (budget === null) return null;
  const maxCostUsd = isFrugal ? null : node.selection.maxCostUsd;
  const expected = cost?.cost_micros ?? 0;
  return {
    reserved: {
      cost_micros: maxCostUsd === null ? expected : Math.max(expected, microsOf(maxCostUsd)),
      tokens: cost?.tokens ?? 0,
      ...(cost?.price !== undefined && { price: cost.price }),
    },
  };
}

function needsOf(state: TaskState, step: AgentStep, choice: Choice): Amounts {
  const ofCall = (agent: AgentChoice): Amounts => ({ ...NO_AMOUNTS, ...reservedFor(state, step, choice, agent)?.reserved, calls: 1 });
  return choice.agents.reduce((sum, agent) => plus(sum, ofCall(agent)), NO_AMOUNTS);
}

/** Undoing what was done is not stopped for want of money; it is counted all the same. */
const isBound = ({ budget, ending }: TaskState): boolean => budget !== null && ending === null;

/** Whether one more call fits, beside those at work; a hedge, also beside those that steps have still to make. */
export function canAfford(state: TaskState, step: AgentStep, choice: Choice, isHedge: boolean): boolean {
  const { budget } = state;
  if (budget === null || !isBound(state)) return true;
  if (budget.cut !== null || waitersFor(state, "budget").size > 0) return false;
  const needs = needsOf(state, step, choice);
  if (lacks(budget, needs) !== null) return false;
  if (!isHedge || state.graph.rules === 0 || budget.limits.calls === null) return true;
  return needs.calls + promisedCalls(state) <= remaining(budget, "calls");
}

/**
 * A choice that the budget allows for, or the facts that follow from there being none. `again` asks selection once more, in
 * another way.
 */
export function affordable(
  state: TaskState,
  step: AgentStep,
  choice: Choice,
  again: (selection: Selection) => Choice | null,
  world: World,
): { readonly choice: Choice } | Ruling {
  const { budget } = state;
  if (budget === null || !isBound(state)) return { choice };
  const [first] = waitersFor(state, "budget");
  const isNext = first === undefined || first === step.index;
  const wanted = needsOf(state, step, choice);
  const short = lacks(budget, wanted);
  if (short === null && isNext) return { choice };
  const cheaper = short === null || budget.onExhausted !== "cheaper" || !isNext ? null : cheaperThan(budget, step, choice, again);
  const needs = cheaper === null ? wanted : needsOf(state, step, cheaper);
  if (cheaper !== null && lacks(budget, needs) === null) return { choice: cheaper };
  if (!isNext || budget.open.size > 0) return { facts: waitFor(step, needs) };
  return exhausted(state, budget, step, needs, lacks(budget, needs) ?? "calls", world);
}

/** Who costs least, within what is left. */
function cheaperThan(budget: Budget, { node }: AgentStep, choice: Choice, again: (selection: Selection) => Choice | null): Choice | null {
  const left = remaining(budget, "cost_micros") / 1e6 / choice.agents.length;
  if (left < 0) return null;
  const { maxCostUsd } = node.selection;
  const most = Math.min(left, maxCostUsd ?? Number.POSITIVE_INFINITY);
  const found = again({ ...node.selection, policy: "cheapest", meet: null, maxCostUsd: Number.isFinite(most) ? most : null });
  if (found === null || found.agents.length < choice.agents.length) return null;
  return { ...found, isFrugal: true, receipt: { ...found.receipt, note: "the budget allows for nothing dearer" } };
}

/**
 * What a task that a step starts may spend: all that is left, or what the step allows of it. It is set aside until the task
 * has ended and says what it spent.
 */
export function loanFor(state: TaskState, step: Starter, world: World): { readonly lent?: Amounts } | { readonly facts: Facts } {
  const { budget } = state;
  if (budget === null || !isBound(state)) return {};
  const allowed: Partial<Amounts> = (step.node.kind === "workflow" ? step.node.budget : null) ?? {};
  const ofEach = (amount: (resource: Resource) => number): Amounts => {
    const limited = (resource: Resource): number => (budget.limits[resource] === null ? 0 : amount(resource));
    return { cost_micros: limited("cost_micros"), tokens: limited("tokens"), calls: limited("calls") };
  };
  const [first] = waitersFor(state, "budget");
  const isNext = first === undefined || first === step.index;
  const needs = ofEach((resource) => Math.min(1, allowed[resource] ?? 1));
  const short = lacks(budget, needs);
  if (short === null && isNext) {
    return {
      lent: ofEach((resource) => Math.max(0, Math.min(remaining(budget, resource), allowed[resource] ?? Number.POSITIVE_INFINITY))),
    };
  }
  if (!isNext || budget.open.size > 0) return { facts: waitFor(step, needs) };
  return exhausted(state, budget, step, needs, short ?? "calls", world);
}

function waitFor(step: Step, needs: Amounts): Facts {
  const { phase, path } = step;
  if (phase.status === "waiting" && phase.on.type === "budget") return [];
  return [{ type: "step.waiting", step: path, waiting_on: { type: "budget", needs } }];
}

function exhausted(state: TaskState, budget: Budget, step: Step, needs: Amounts, resource: Resource, world: World): Ruling {
  const { onExhausted: outcome } = budget;
  const fact: TaskEvent = { type: "budget.exhausted", step: step.path, resource, needs, outcome };
  switch (outcome) {
    case "ask":
      return { facts: [...waitFor(step, needs), fact, askForMore(state, budget, step, needs, world)] };
    case "finish":
      return { facts: [fact], next: { type: "steps_skipped", steps: [step], reason: "budget" } };
    case "stop":
    case "cheaper":
      return { facts: [fact], next: { type: "task_fails", error: exhaustion(budget, resource, needs, step), reason: "budget" } };
  }
}

function exhaustion(budget: Budget, resource: Resource, needs: Amounts, step: Step): Failure {
  const left = Math.max(0, remaining(budget, resource));
  const message = `The budget is exhausted: step "${step.path}" needs ${worded(resource, needs[resource])}, and ${worded(resource, left)} of ${worded(resource, budget.limits[resource] ?? 0)} are left`;
  return { code: "budget_exhausted", message: excerpt(message, LIMITS.textLength), retryable: false, step_id: step.path };
}

/** Whoever waited longest, once something has been given back; `null` when nothing follows. */
export function goOnSpending(state: TaskState, start: (step: Step) => Facts): Facts | null {
  const { budget } = state;
  if (budget === null || !budget.isFreed || budget.asked !== null || state.ending !== null) return null;
  const [first] = waitersFor(state, "budget");
  const step = first === undefined ? null : stepAt(state, first);
  const facts = step === null ? [] : start(step);
  if (facts.length > 0) return facts;
  budget.isFreed = false;
  return null;
}

/** The time that the task may take is over. */
export function timeIsUp(state: TaskState): Ruling {
  const { budget, created } = state;
  if (budget === null || state.ending !== null || budget.cut === "time") return { facts: [] };
  const outcome = budget.onExhausted === "finish" ? "finish" : "stop";
  const fact: TaskEvent = { type: "budget.exhausted", resource: "duration", outcome };
  if (outcome === "finish") {
    const idle = [...state.waiting, ...state.retrying].map((index) => stepAt(state, index));
    return { facts: [fact], next: { type: "steps_skipped", steps: idle, reason: "budget" } };
  }
  const seconds = (created.budget?.duration_ms ?? 0) / 1_000;
  const error: Failure = { code: "budget_exhausted", message: `The task has run for the ${seconds} s that it may take`, retryable: false };
  return { facts: [fact], next: { type: "task_fails", error, reason: "budget" } };
}

/** Whether a step of this kind is not begun any more: the task ends with what it has. */
export function isCut({ budget, ending }: TaskState, { node }: Step): boolean {
  if (budget === null || budget.cut === null || ending !== null) return false;
  const { takes } = kindOf(node.kind);
  return takes === "work" || (takes !== undefined && budget.cut === "time");
}

/** The task ends with what it has: what cannot be made of it is null. */
export const isPartial = ({ budget }: TaskState): boolean => budget !== null && budget.cut !== null;
