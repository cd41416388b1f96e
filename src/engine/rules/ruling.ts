/** What the rules make of what an aspect wants. */
import type { Ruling } from "../aspects/aspect.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { TaskState } from "../state/state.ts";
import type { World } from "../world.ts";
import { endEarly, rejectTask } from "./ending.ts";
import { failStep, skipped } from "./step.ts";

export function carryOut(state: TaskState, { facts, next }: Ruling, world: World): readonly TaskEvent[] {
  switch (next?.type) {
    case undefined:
      return facts;
    case "step_fails":
      return [...facts, ...failStep(state, next.step, next.error, world)];
    case "steps_skipped":
      return [...facts, ...next.steps.map((step) => skipped(state, step, next.reason))];
    case "task_fails":
      return [...facts, ...endEarly(state, { status: "failed", error: next.error }, next.reason)];
    case "task_rejected":
      return [...facts, ...rejectTask(state, next.error)];
  }
}
