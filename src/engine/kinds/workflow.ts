/** A step that is a task of its own: another workflow, started, waited for, and canceled with this one. */
import { expressionError } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { NodeOf } from "../../language/graph.ts";
import { scopeOfStep } from "../state/scope.ts";
import { startChild } from "../rules/kept.ts";
import { childMembers } from "../aspects/table.ts";
import { carryOut } from "../rules/ruling.ts";
import { failStep } from "../rules/step.ts";
import { startedFacts } from "../rules/started.ts";
import type { Kind } from "./kind.ts";

export const workflow: Kind<NodeOf<"workflow">> = {
  start: (state, step, world) => {
    const input = step.node.input.evaluate(() => scopeOfStep(state, step, world.values));
    if (!input.ok) return failStep(state, step, expressionError(step, "input", input.error), world);
    const members = childMembers(state, step, world);
    if ("facts" in members) return carryOut(state, members, world);
    return [...startedFacts(state, step), ...startChild(state, step, 0, world, undefined, members)];
  },
  proceed: (state, step, world): readonly TaskEvent[] => {
    const { branches } = step;
    if (branches === null || branches.ended === 0) return [];
    if (branches.error !== null) return failStep(state, step, branches.error, world);
    return [{ type: "step.completed", step: step.path, output: branches.output ?? { value: null } }];
  },
};
