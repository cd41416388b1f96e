/** A step that ends the task, completed or failed, wherever it stands. */
import { endFacts } from "../rules/ending.ts";
import type { NodeOf } from "../../language/graph.ts";
import { type Failure, expressionError } from "../facts/failure.ts";
import { scopeOfStep } from "../state/scope.ts";
import { cancelSteps, failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import { asText } from "../../language/expressions/template.ts";
import { recorded } from "../rules/recorded.ts";
import type { Kind } from "./kind.ts";

export const end: Kind<NodeOf<"end">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const scope = () => scopeOfStep(state, step, world.values);
    const { status, output, error } = step.node;
    const rest = () => cancelSteps(state, "task_ended", step);
    if (status === "failed") {
      const message = error?.message.evaluate(scope);
      if (message?.ok === false) return [...started, ...failStep(state, step, expressionError(step, "error", message.error), world)];
      const failure: Failure = {
        code: error?.code ?? "ended",
        message: message === undefined ? `Step "${step.path}" ended the task` : asText(message.value),
        retryable: false,
        step_id: step.path,
      };
      return [
        ...started,
        { type: "step.failed", step: step.path, error: failure },
        ...rest(),
        ...endFacts(state, { status: "failed", error: failure }),
      ];
    }
    const value = output?.evaluate(scope) ?? { ok: true, value: null };
    if (!value.ok) return [...started, ...failStep(state, step, expressionError(step, "output", value.error), world)];
    const stored = recorded(state, value.value, world);
    if (!stored.ok) return [...started, ...failStep(state, step, stored.error, world)];
    const result = stored.value;
    return [...started, { type: "step.completed", step: step.path, output: result }, ...rest(), { type: "task.completed", output: result }];
  },
};
