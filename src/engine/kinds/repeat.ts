/** A step that does the same again until a condition holds, and no more often than it says. */
import { LIMITS } from "../limits.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { NodeOf } from "../../language/graph.ts";
import { scopeIn, withName } from "../state/scope.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import { isCutShort } from "../aspects/table.ts";
import type { TaskState } from "../state/state.ts";
import type { Branches, Step } from "../state/step-state.ts";
import { readValue } from "../facts/value.ts";
import type { World } from "../world.ts";
import { mayOpen, tooManySteps, type Kind } from "./kind.ts";

export const repeat: Kind<NodeOf<"repeat">> = {
  start: (state, step) => startedFacts(state, step),
  proceed: (state, step, world): readonly TaskEvent[] => {
    const { branches, node } = step;
    if (branches === null || branches.frames.size > 0) return [];
    if (branches.error !== null) return failStep(state, step, branches.error, world);
    if (branches.ended > 0) {
      if (isCutShort(state)) return [{ type: "step.completed", step: step.path, output: branches.output ?? { value: null } }];
      const isLast = node.until === null ? branches.ended >= node.max : holds(state, step, branches, world);
      if (typeof isLast !== "boolean") return failStep(state, step, isLast, world);
      if (isLast) return [{ type: "step.completed", step: step.path, output: branches.output ?? { value: null } }];
      if (branches.ended >= node.max) return failStep(state, step, exhausted(node), world);
      if (branches.resumeAt !== null && branches.resumeAt > world.now) return [];
    }
    if (state.paused) return [];
    if (!mayOpen(state, node)) return failStep(state, step, tooManySteps(), world);
    return [{ type: "branch.started", step: step.path, branch: branches.ended + 1 }];
  },
};

/** Asked inside the iteration that has just ended. */
function holds(state: TaskState, step: Step<NodeOf<"repeat">>, { last, output }: Branches, world: World): boolean | Failure {
  const { until, untilReads } = step.node;
  if (until === null || last === null) return false;
  const scope = scopeIn(state, last, untilReads, world.values);
  const answer = until.evaluate(withName(scope, "output", output === null ? null : readValue(output, world.values)));
  if (!answer.ok) return expressionError(step, "until", answer.error);
  if (typeof answer.value === "boolean") return answer.value;
  return expressionError(step, "until", `expected true or false, got ${JSON.stringify(answer.value).slice(0, 100)}`);
}

function exhausted({ max, until }: NodeOf<"repeat">): Failure {
  return {
    code: "repeat_exhausted",
    message: `After ${max} iterations "${until?.source.slice(0, LIMITS.nameLength) ?? ""}" still does not hold`,
    retryable: false,
  };
}
