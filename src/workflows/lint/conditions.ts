/**
 * What a condition can come to, whatever the task is given: it is evaluated for every status that the steps it reads may
 * have by then, and everything else fails to be read. What comes out all the same does not depend on it, for `&&` and
 * `||` look past an operand that fails.
 */
import type { Failure } from "../../engine/facts/failure.ts";
import type { Expression, Scope, StepReading } from "../../language/expressions/expression.ts";
import type { Truth } from "../../language/kinds/kind.ts";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";

export type SeenStatus = "pending" | "completed" | "failed" | "skipped";

export const UNKNOWN: Truth = { mayHold: true, mayNotHold: true, mayFail: true };

/** How many more times anything is evaluated: a definition may have ten thousand conditions. */
export interface EvaluationBudget {
  evaluations: number;
}

/** Without loops, so that evaluating it takes no longer than compiling it did. */
export const isPlain = ({ source }: Expression): boolean => !/\.\s*(?:map|filter|all|exists\w*|sortBy|transform\w*)\s*\(/.test(source);

/** `seen`: the statuses that a step may have when the condition is asked. */
export function truthOf(condition: Expression, seen: (id: string) => readonly SeenStatus[], budget: EvaluationBudget): Truth {
  const ids = [...new Set(condition.steps.map(({ id }) => id))];
  const choices = ids.map((id) => ({ id, statuses: seen(id) }));
  if (!isWorthAsking(condition, choices)) return UNKNOWN;
  const count = choices.reduce((product, { statuses }) => product * statuses.length, 1);
  if (count > Math.min(LIMITS.lintCombinations, budget.evaluations)) return UNKNOWN;
  budget.evaluations -= count;
  let [mayHold, mayNotHold, mayFail] = [false, false, false];
  for (const statuses of combinations(choices)) {
    const answer = ask(condition, statuses);
    mayHold ||= answer === true || answer === null;
    mayNotHold ||= answer === false || answer === null;
    mayFail ||= answer === "fails" || answer === null;
  }
  return { mayHold, mayNotHold, mayFail };
}

interface Choice {
  readonly id: string;
  readonly statuses: readonly SeenStatus[];
}

/** Most conditions are about values alone, which are not known here. */
function isWorthAsking(condition: Expression, choices: readonly Choice[]): boolean {
  const { steps, isConstant, source } = condition;
  if (!isPlain(condition)) return false;
  if (isConstant || steps.some(({ field }) => field !== "output")) return true;
  return choices.some(({ statuses }) => !statuses.includes("completed")) || /\b(?:true|false)\b/.test(source);
}

function* combinations(choices: readonly Choice[], from = 0): Iterable<ReadonlyMap<string, SeenStatus>> {
  const choice = choices[from];
  if (choice === undefined) {
    yield new Map();
    return;
  }
  for (const rest of combinations(choices, from + 1)) {
    for (const status of choice.statuses) yield new Map([...rest, [choice.id, status]]);
  }
}

/** `null`: it depends on what is not known. */
function ask(condition: Expression, statuses: ReadonlyMap<string, SeenStatus>): boolean | "fails" | null {
  let isAskedMore = false;
  const unknown = (): never => {
    isAskedMore = true;
    throw new Error("not known");
  };
  const steps = Object.fromEntries([...statuses].map(([id, status]) => [id, readingOf(status, unknown)]));
  const scope = { steps } as Scope;
  for (const name of ["input", "task", ...condition.names]) {
    Object.defineProperty(scope, name, { get: unknown, enumerable: true, configurable: true });
  }
  const answer = condition.evaluate(scope);
  if (answer.ok) return typeof answer.value === "boolean" ? answer.value : "fails";
  return isAskedMore ? null : "fails";
}

function readingOf(status: SeenStatus, unknown: () => never): StepReading {
  return {
    status,
    get output(): Json {
      return status === "completed" ? unknown() : null;
    },
    get error(): Json {
      if (status !== "failed") return null;
      const field = { get: unknown, enumerable: true };
      return Object.defineProperties({}, Object.fromEntries(Object.keys(MEMBERS).map((name) => [name, field])));
    },
  };
}

/** What a failure says, or may say: whether it does is not known either. */
const MEMBERS: { readonly [K in keyof Required<Failure>]: true } = {
  code: true,
  message: true,
  retryable: true,
  retry_after_ms: true,
  by: true,
  status: true,
  step_id: true,
  pointer: true,
};
