/** Asking people for more when a budget is exhausted: an approval like others, of a step that is none. */
import { z } from "zod";
import { rejection, type Rejection } from "../../../shared/errors.ts";
import { LIMITS } from "../../limits.ts";
import { microsOf, RESOURCES, type Amounts, type Resource } from "../../../shared/money.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { excerpt } from "../../../shared/text.ts";
import { remaining, worded } from "./account.ts";
import type { Budget } from "./shape.ts";
import type { Ruling } from "../aspect.ts";
import { inDollars, limitsInDollars } from "./dollars.ts";
import type { TaskEvent } from "../../facts/event.ts";
import type { InputOf } from "../../facts/input.ts";
import { hashOf } from "../../facts/payload-hash.ts";
import type { TaskState } from "../../state/state.ts";
import type { Approval, Step } from "../../state/step-state.ts";
import { readValue } from "../../facts/value.ts";
import type { World } from "../../world.ts";

/** What is asked: the step's next call, what there is, and by how much it is to be raised. */
export function askForMore(state: TaskState, budget: Budget, step: Step, needs: Amounts, world: World): TaskEvent {
  const missing = missingFor(budget, needs);
  const short = RESOURCES.filter((resource) => missing[resource] > 0);
  const title = `The budget lacks ${short.map((resource) => worded(resource, missing[resource])).join(", ")} for step "${step.path}"`;
  const payload = {
    step: step.path,
    needs: inDollars(needs),
    spent: inDollars(budget.spent),
    limits: limitsInDollars(budget),
    raise: inDollars(missing),
  };
  return {
    type: "approval.requested",
    step: step.path,
    approval: state.approvals.length + 1,
    title: excerpt(title, LIMITS.textLength),
    payload: world.values.write(payload) ?? { value: null },
    hash: hashOf(payload),
    assignees: [],
    quorum: 1,
    editable: true,
  };
}

function missingFor(budget: Budget, needs: Amounts): Amounts {
  const missing = (resource: Resource): number => (needs[resource] === 0 ? 0 : Math.max(0, needs[resource] - remaining(budget, resource)));
  return { cost_micros: missing("cost_micros"), tokens: missing("tokens"), calls: missing("calls") };
}

const raised = z.looseObject({
  raise: z.strictObject({
    cost_usd: z.number().min(0).max(LIMITS.budgetUsd).default(0),
    tokens: z.int().min(0).max(LIMITS.budgetTokens).default(0),
    calls: z.int().min(0).max(LIMITS.budgetCalls).default(0),
  }),
});

/** What follows from a person's word: more to spend, or the end. `fact` is that word. */
export function raiseOrEnd(
  step: Step,
  asked: Approval,
  { decision, payload }: InputOf<"decide">,
  fact: TaskEvent,
  world: World,
): Result<Ruling, Rejection> {
  if (decision === "reject") {
    const message = `Nobody gave the task more to spend: ${asked.title}`;
    const error = { code: "budget_exhausted", message: excerpt(message, LIMITS.textLength), retryable: false, step_id: step.path };
    return ok({ facts: [fact], next: { type: "task_fails", error, reason: "budget" } });
  }
  const parsed = raised.safeParse(payload ?? readValue(asked.payload, world.values));
  if (!parsed.success) {
    const message = 'expected {"raise": {"cost_usd"?, "tokens"?, "calls"?}}, by how much each limit is raised';
    return err(
      rejection("invalid_request", "The payload does not say what the task may spend", {
        faults: [{ pointer: "/payload", message, code: "invalid_request" }],
      }),
    );
  }
  const { cost_usd, tokens, calls } = parsed.data.raise;
  return ok({ facts: [fact, { type: "budget.raised", amounts: { cost_micros: microsOf(cost_usd), tokens, calls } }] });
}
