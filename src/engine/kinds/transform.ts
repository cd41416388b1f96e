/** A step that only computes: it is over as soon as it begins. */
import type { NodeOf } from "../../language/graph.ts";
import { scopeOfStep } from "../state/scope.ts";
import { expressionError } from "../facts/failure.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import { VALUE_TOO_LARGE } from "../facts/value.ts";
import type { Kind } from "./kind.ts";

export const transform: Kind<NodeOf<"transform">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const value = step.node.output.evaluate(() => scopeOfStep(state, step, world.values));
    if (!value.ok) return [...started, ...failStep(state, step, expressionError(step, "output", value.error), world)];
    const output = world.values.write(value.value);
    if (output === null) return [...started, ...failStep(state, step, VALUE_TOO_LARGE, world)];
    return [...started, { type: "step.completed", step: step.path, output }];
  },
};
