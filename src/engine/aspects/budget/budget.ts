/**
 * What a task may spend, on agents and on time. Amounts are whole numbers, money in millionths of a dollar, so that sums are
 * exact whatever their order.
 *
 * B1. What is reserved was compared with the limits in the transition that reserved it: spent and reserved together pass a
 *     limit only where an agent reports more than was reserved for its call.
 * B2. A reservation is settled once, by the fact that settles what it was for; whatever that says not, the reservation does.
 * B3. A task without a budget has none of this: no fact, no member, no counter.
 */
import { z } from "zod";
import { BUDGET_ACTIONS } from "../../../language/budget-definition.ts";
import { kindOf } from "../../../language/kinds/table.ts";
import type { Resource } from "../../../shared/money.ts";
import type { EventOf } from "../../facts/event.ts";
import { amounts, count } from "../../facts/member-schemas.ts";
import type { TaskState } from "../../state/state.ts";
import type { Aspect } from "../aspect.ts";
import { callKey, releaseCall, releaseCalls, reserve, settle, settleCall, loanKey } from "./account.ts";
import { raiseOrEnd } from "./ask.ts";
import type { Budget, BudgetEvent, BudgetTimer, WaitingForBudget } from "./shape.ts";
import { affordable, canAfford, goOnSpending, isCut, isPartial, loanFor, reservedFor, timeIsUp } from "./spending.ts";

export const budget = {
  facts: {
    "budget.exhausted": { required: ["resource", "outcome"], fold: exhaust },
    "budget.raised": { required: ["amounts"], fold: raise },
  },
  admit: {},
  waits: { budget: { schema: z.looseObject({ type: z.literal("budget"), needs: amounts }), isOfAgents: false } },
  timers: {
    budget: { isCurrent: (state) => state.ending === null && state.budget?.cut !== "time", due: timeIsUp },
  },
  members: {
    budget: amounts.partial().extend({ duration_ms: count.optional(), on_exhausted: z.enum(BUDGET_ACTIONS) }),
    reserved: z.looseObject({
      cost_micros: count,
      tokens: count,
      price: z.looseObject({ call: z.number(), input: z.number(), output: z.number() }).optional(),
    }),
    resource: z.enum(["cost_micros", "tokens", "calls", "duration"]),
    needs: amounts,
    amounts,
    lent: amounts,
    spent: amounts,
  },
  follow: (state, event, step, before) => {
    const own = state.budget;
    if (own === null) return;
    if (event.type === "task.started") startClock(state);
    if (step === null) return;
    // It was others' turn to wait for.
    if (before?.status === "waiting" && before.on.type === "budget" && step.phase !== before) own.isFreed = true;
    switch (event.type) {
      case "step.waiting":
        // What was in line has its reservation already when it begins.
        if ("attempt" in event && event.reserved !== undefined) reserve(own, callKey(step, event.attempt), { ...event.reserved, calls: 1 });
        return;
      case "attempt.started":
        if (event.reserved !== undefined) reserve(own, callKey(step, event.attempt), { ...event.reserved, calls: 1 });
        return;
      case "attempt.completed":
      case "attempt.failed":
        return settleCall(own, step, event.attempt, event.usage);
      case "attempt.canceled":
        return releaseCalls(own, step, before, event.attempt);
      case "attempt.declined":
        return releaseCall(own, step, { number: event.attempt, way: null });
      case "step.completed":
        settleCall(own, step, event.attempt, event.usage);
        releaseCalls(own, step, before);
        return forgetLoans(own, event.children);
      case "step.failed":
      case "step.canceled":
        releaseCalls(own, step, before);
        return forgetLoans(own, event.children);
      case "step.skipped":
        return releaseCalls(own, step, before);
      case "child.started":
        if (event.lent !== undefined) reserve(own, loanKey(event.task), event.lent);
        return;
      case "child.ended":
        return settle(own, loanKey(event.task), (lent) => event.spent ?? lent);
      case "approval.requested":
        if (kindOf(step.node.kind).takes !== "people") own.asked = event.approval;
        return;
      default:
        return;
    }
  },
  skips: (state, step) => (isCut(state, step) ? "budget" : null),
  afford: affordable,
  allows: canAfford,
  attempt: reservedFor,
  lend: loanFor,
  goOn: goOnSpending,
  lookAgain: (state) => {
    // Whoever waits for money may find somebody cheaper.
    if (state.budget !== null) state.budget.isFreed = true;
  },
  cutsShort: isPartial,
  // What may be spent is kept in one place.
  keepsItems: (state) => state.budget !== null,
  people: {
    mayAsk: (state, step) => kindOf(step.node.kind).takes === "work" && state.budget !== null,
    asked: (state) => state.budget?.asked ?? null,
    decided: raiseOrEnd,
  },
} satisfies Aspect<BudgetEvent, never, WaitingForBudget, BudgetTimer>;

/** Nobody will hear what they spent. */
function forgetLoans(own: Budget, tasks: readonly string[] = []): void {
  for (const task of tasks) settle(own, loanKey(task), (lent) => lent);
}

/** What a task may take of time counts from its start. */
function startClock({ created, clocks, at }: TaskState): void {
  const takesMs = created.budget?.duration_ms;
  if (takesMs !== undefined) clocks.push({ at: at + takesMs, type: "budget" });
}

function exhaust(state: TaskState, { outcome, resource }: EventOf<"budget.exhausted">): void {
  if (state.budget === null) return;
  // Those who wait end with the task, or may go on.
  state.budget.isFreed = true;
  if (outcome !== "finish") return;
  state.budget.cut = resource === "duration" ? "time" : (state.budget.cut ?? "spent");
  // Repetitions end with what they have, also those that pause.
  for (const step of state.open) state.proceeding.push(step);
}

function raise({ budget: own }: TaskState, event: EventOf<"budget.raised">): void {
  if (own === null) return;
  own.isFreed = true;
  own.asked = null;
  const { limits } = own;
  // What has no limit gets none.
  const more = (resource: Resource): number | null => {
    const limit = limits[resource];
    return limit === null ? null : limit + event.amounts[resource];
  };
  own.limits = { cost_micros: more("cost_micros"), tokens: more("tokens"), calls: more("calls") };
}
