/** What follows when a step begins. */
import type { EventOf, TaskEvent } from "../facts/event.ts";
import type { TaskState } from "../state/state.ts";
import type { Step } from "../state/step-state.ts";

/** A step begins, and with it maybe the task. */
export function startedFacts(state: TaskState, step: Step, more: Partial<EventOf<"step.started">> = {}): readonly TaskEvent[] {
  const facts: TaskEvent[] = [];
  if (state.startedAt === null) facts.push({ type: "task.started" });
  if (step.startedSeq === null) facts.push({ ...more, type: "step.started", step: step.path });
  return facts;
}
