/**
 * The fold of a journal that somebody else may have written: each fact is asked whether it can be one before it is folded.
 * A journal of our own needs none of this.
 */
import { faultOfFact, isOfAgentsAlone, isOfAspect, mayAskPeople } from "../aspects/table.ts";
import { faultOfEvent } from "./event-schema.ts";
import type { CoreEvent, TaskEvent } from "../facts/event.ts";
import type { TaskCreated } from "../facts/created.ts";
import { begin, evolve } from "../state/evolve.ts";
import { kindOf } from "../../language/kinds/table.ts";
import type { Graph } from "../../language/graph.ts";
import { approvalNumbered, type TaskState } from "../state/state.ts";
import { isKind, liveAttempt, type Step } from "../state/step-state.ts";

export interface WrongEvent {
  readonly seq: number;
  readonly message: string;
}

export class CheckedFold {
  readonly state: TaskState;

  constructor(graph: Graph, created: TaskCreated, at: number) {
    this.state = begin(graph, created, at);
  }

  /** The first event that does not fit what was before; those in front of it are folded. */
  add(events: readonly TaskEvent[], at: number): WrongEvent | null {
    for (const event of events) {
      const message =
        faultOfEvent(event) ?? (at < this.state.at ? "it is earlier than the event before it" : impossible(this.state, event));
      if (message !== null) return { seq: this.state.seq + 1, message };
      evolve(this.state, [event], at);
    }
    return null;
  }
}

/** Why a fact cannot be one where the task stands, or `null`. */
function impossible(state: TaskState, event: TaskEvent): string | null {
  if (event.type === "task.created") return "a task is created once";
  if (state.end !== null && event.type !== "task.archived") return `${event.type} after the task has ended`;
  if (event.type === "task.archived") return state.end === null ? "task.archived before the task has ended" : null;
  if (isOfAspect(event) && !("step" in event)) return faultOfFact(state, event);
  if (!("step" in event) || event.type === "step.kept" || event.type === "child.kept") return null;
  const step = state.stepByPath.get(event.step);
  if (step === undefined) return `${event.type} of step "${event.step}", which there is not`;
  if (step.settledSeq !== null && !event.type.startsWith("compensation."))
    return `${event.type} of step "${event.step}", which has settled`;
  return isOfAspect(event) ? faultOfFact(state, event) : impossibleFor(state, step, event);
}

type StepEvent = Extract<CoreEvent, { readonly step: string }>;

function impossibleFor(state: TaskState, step: Step, event: StepEvent): string | null {
  const place = `step "${step.path}"`;
  switch (event.type) {
    case "agent.selected":
    case "step.degraded":
    case "step.retry_scheduled":
      return isKind(step, "agent") ? null : `${event.type} of ${place}, which asks no agent`;
    case "step.waiting":
      if ((event.waiting_on.type === "agent" || isOfAgentsAlone(event.waiting_on) || "attempt" in event) && !isKind(step, "agent"))
        return `${place} asks no agent`;
      return null;
    case "attempt.started":
      if (!isKind(step, "agent")) return `${event.type} of ${place}, which asks no agent`;
      if (event.attempt > step.attempts || liveAttempt(step, event.attempt)?.way === null) return null;
      return `attempt ${event.attempt} of ${place} has begun already`;
    case "attempt.claimed":
    case "attempt.progressed":
    case "attempt.completed":
    case "attempt.failed":
    case "attempt.declined":
    case "attempt.canceled":
    case "attempt.lost":
      return liveAttempt(step, event.attempt) === undefined ? `attempt ${event.attempt} of ${place} is not under way` : null;
    case "step.completed":
      return event.attempt === undefined || hasReplied(step, event.attempt)
        ? null
        : `attempt ${event.attempt} of ${place} is not under way`;
    case "branch.started":
    case "child.started":
      if (step.phase.status !== "open") return `${place} is not at work on anything inside it`;
      if (event.type === "child.started") return null;
      return step.node.blocks.length > 0 ? null : `${place} has no steps inside it`;
    case "branch.completed":
    case "branch.failed":
      return step.branches?.frames.has(event.branch) === true ? null : `branch ${event.branch} of ${place} is not at work`;
    case "child.ended":
      return state.children.has(event.task) ? null : `${place} does not wait for ${event.task}`;
    case "approval.requested": {
      const { takes } = kindOf(step.node.kind);
      return takes === "people" || mayAskPeople(state, step) ? null : `${place} asks no approval`;
    }
    case "approval.decided":
    case "approval.link_withdrawn":
    case "approval.escalated":
    case "approval.expired":
      return approvalNumbered(state, event.approval) === null ? `${place} has not asked for an approval` : null;
    case "compensation.started":
      return step.node.undo === null && event.task === undefined ? `${place} cannot be undone` : null;
    default:
      return null;
  }
}

function hasReplied(step: Step, attempt: number): boolean {
  return liveAttempt(step, attempt) !== undefined || step.replied?.some((reply) => reply.attempt === attempt) === true;
}
