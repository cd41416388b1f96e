/** A step that only computes: it is over as soon as it begins. */
import type { NodeOf } from "../../language/graph.ts";
import { scopeOfStep } from "../state/scope.ts";
import { expressionError } from "../facts/failure.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import { recorded } from "../rules/recorded.ts";
import type { Kind } from "./kind.ts";

export const transform: Kind<NodeOf<"transform">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const value = step.node.output.evaluate(() => scopeOfStep(state, step, world.values));
    if (!value.ok) return [...started, ...failStep(state, step, expressionError(step, "output", value.error), world)];
    const output = recorded(state, value.value, world);
    if (!output.ok) return [...started, ...failStep(state, step, output.error, world)];
    return [...started, { type: "step.completed", step: step.path, output: output.value }];
  },
};
