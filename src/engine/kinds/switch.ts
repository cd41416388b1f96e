/** A step that goes one of several ways: the first case whose condition holds, else the default, else none. */
import type { TaskEvent } from "../facts/event.ts";
import type { NodeOf } from "../../language/graph.ts";
import { scopeOfStep } from "../state/scope.ts";
import { expressionError } from "../facts/failure.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import type { Kind } from "./kind.ts";

export const switchKind: Kind<NodeOf<"switch">> = {
  start: (state, step, world) => {
    const started = startedFacts(state, step);
    const { cases, hasDefault } = step.node;
    const scope = scopeOfStep(state, step, world.values);
    for (const [branch, when] of cases.entries()) {
      const holds = when.evaluate(scope);
      const problem = !holds.ok
        ? holds.error
        : typeof holds.value === "boolean"
          ? null
          : `expected true or false, got ${JSON.stringify(holds.value).slice(0, 100)}`;
      if (problem !== null) return [...started, ...failStep(state, step, expressionError(step, `cases/${branch}/when`, problem), world)];
      if (holds.ok && holds.value === true) return [...started, { type: "branch.started", step: step.path, branch }];
    }
    if (hasDefault) return [...started, { type: "branch.started", step: step.path, branch: cases.length }];
    // Nothing to do is done.
    return [...started, { type: "step.completed", step: step.path, output: { value: null } }];
  },
  proceed: (state, step, world): readonly TaskEvent[] => {
    const { branches } = step;
    if (branches === null || branches.ended === 0) return [];
    if (branches.error !== null) return failStep(state, step, branches.error, world);
    return [{ type: "step.completed", step: step.path, output: branches.output ?? { value: null } }];
  },
};
