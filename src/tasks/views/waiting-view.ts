/** What a task or one of its steps waits for, as readers get it. */
import { z } from "@hono/zod-openapi";
import { isoTime } from "../../shared/time.ts";
import type { Failure } from "../../engine/facts/failure.ts";
import type { Waiting } from "../../engine/facts/waiting.ts";
import { stepAt, type TaskState } from "../../engine/state/state.ts";
import { stepStatus, type Step } from "../../engine/state/step-state.ts";

/** What a task or step waits for. `count` is how many steps wait, of which this is due first. */
export const WaitingOn = z.object({
  type: z.enum(["agent", "capacity", "timer", "signal", "approval", "child", "cache", "budget", "concurrency", "debounce"]),
  step_id: z.string().optional().openapi({ description: "Absent where the task itself waits, to begin" }),
  capability: z.string().optional(),
  agent: z.string().optional(),
  key: z.string().optional().openapi({ description: "Under which so many tasks run at once, or submissions are one task" }),
  limit: z.int().optional(),
  position: z.int().optional().openapi({ description: "In the line of the agent or under the key, 1 for who is next" }),
  why: z.string().optional(),
  name: z.string().optional().openapi({ description: "Of the signal" }),
  approval_id: z.string().optional(),
  task_id: z.string().optional().openapi({ description: "The task that the step has started, or that brings the result it waits for" }),
  since: z.iso.datetime().optional(),
  until: z.iso.datetime().optional().openapi({ description: "Absent while only something from outside can end the wait" }),
  count: z.int().optional(),
});
export type WaitingOn = z.infer<typeof WaitingOn>;

export const ErrorView = z.object({
  code: z.string(),
  message: z.string(),
  step_id: z.string().optional(),
  pointer: z.string().optional(),
});
export type ErrorView = z.infer<typeof ErrorView>;

/** The reason due first among the steps that wait, and how many there are. */
export function waitingOn(state: TaskState): WaitingOn | null {
  if (state.hold !== null) return waitingToBegin(state, state.hold);
  let first: { readonly step: Step; readonly at: number } | null = null;
  let count = 0;
  for (const step of waitingSteps(state)) {
    count++;
    const at = dueAt(state, step);
    if (first === null || at < first.at) first = { step, at };
  }
  return first === null ? null : { ...stepWaitingOn(state, first.step), count };
}

function waitingToBegin({ created, createdAt }: TaskState, hold: NonNullable<TaskState["hold"]>): WaitingOn | null {
  switch (hold.type) {
    case "new":
      return null;
    case "timer":
    case "debounce":
      return {
        type: hold.type,
        ...(hold.type === "debounce" && created.debounce && { key: created.debounce.key }),
        since: isoTime(createdAt),
        until: isoTime(hold.until),
      };
    case "concurrency": {
      const { key, limit } = created.gate ?? { key: "", limit: 1 };
      return { type: "concurrency", key, limit, since: isoTime(hold.since), until: isoTime(hold.since + created.queue_ttl_ms) };
    }
  }
}

function* waitingSteps(state: TaskState): Iterable<Step> {
  for (const index of [...state.waiting, ...state.retrying]) yield stepAt(state, index);
  for (const index of new Set([...state.children.values()].map(({ step }) => step))) yield stepAt(state, index);
  for (const index of state.open) if (restsUntil(stepAt(state, index)) !== null) yield stepAt(state, index);
  if (state.queued === 0) return;
  for (const step of state.steps) if (step.phase.status === "running" && stepStatus(step) === "waiting") yield step;
}

/** When the next iteration begins; `null` where the step does not pause between two. */
export function restsUntil({ phase, branches }: Step): number | null {
  return phase.status === "open" && branches !== null && branches.frames.size === 0 ? branches.resumeAt : null;
}

/** Nothing of the task is in flight, and some step pauses between two iterations. */
export function isResting(state: TaskState): boolean {
  return state.end === null && state.live === 0 && [...state.open].some((index) => restsUntil(stepAt(state, index)) !== null);
}

function dueAt(state: TaskState, step: Step): number {
  const { phase, waitingSince } = step;
  if (phase.status === "waiting") return phase.lookAt ?? Number.POSITIVE_INFINITY;
  const rests = restsUntil(step);
  if (rests !== null) return rests;
  if (phase.status === "running") return (waitingSince ?? state.at) + state.created.queue_ttl_ms;
  return phase.status === "retrying" ? phase.retryAt : Number.POSITIVE_INFINITY;
}

export function stepWaitingOn(state: TaskState, step: Step): WaitingOn {
  const { phase, path: step_id } = step;
  // When it looks for an agent again is not recorded, and may be over: what is known is for how long it goes on.
  const isLooking = phase.status === "waiting" && phase.on.type === "agent";
  const at = isLooking ? phase.since + state.created.queue_ttl_ms : dueAt(state, step);
  const until = Number.isFinite(at) ? { until: isoTime(at) } : {};
  switch (phase.status) {
    case "waiting":
      return { ...waitedFor(state, phase.on), step_id, since: isoTime(phase.since), ...until };
    case "running": {
      const [first] = phase.live;
      return { type: "capacity", step_id, ...(first && { agent: first.agent, since: isoTime(first.startedAt) }), ...until };
    }
    case "open": {
      if (restsUntil(step) !== null) return { type: "timer", step_id, ...until };
      const task = step.branches?.task ?? childOf(state, step);
      return {
        type: "child",
        step_id,
        ...(task !== undefined && { task_id: task }),
        ...(step.startedAt !== null && { since: isoTime(step.startedAt) }),
      };
    }
    case "completed":
    case "failed":
    case "skipped":
    case "canceled": {
      // What it did is being undone.
      const task = childOf(state, step);
      return { type: "child", step_id, ...(task !== undefined && { task_id: task }) };
    }
    case "pending":
    case "retrying":
      return { type: "timer", step_id, ...until };
  }
}

const childOf = (state: TaskState, { index }: Step): string | undefined =>
  [...state.children].find(([, child]) => child.step === index)?.[0];

function waitedFor(state: TaskState, on: Waiting): Omit<WaitingOn, "step_id"> {
  switch (on.type) {
    case "agent": {
      const { until: _, ...wanted } = on;
      return wanted;
    }
    case "timer":
      return { type: "timer" };
    case "cache":
      return { type: "cache" };
    case "budget": {
      const asked = state.budget?.asked ?? null;
      return { type: "budget", ...(asked !== null && { approval_id: approvalId(state.created.task, asked) }) };
    }
    case "signal":
      return { type: "signal", name: on.name };
    case "approval":
      return { type: "approval", approval_id: approvalId(state.created.task, on.approval) };
  }
}

/** The id of an approval leads to its task. */
export function approvalId(task: string, number: number): string {
  return `${task.replace(/^task_/, "approval_")}_${number}`;
}

/** What of a failure readers get. */
export type FailureView = Pick<Failure, "code" | "message" | "step_id" | "pointer">;

export function errorView(failure: Failure | null): FailureView | null {
  if (failure === null) return null;
  const { code, message, step_id, pointer } = failure;
  return { code, message, ...(step_id !== undefined && { step_id }), ...(pointer !== undefined && { pointer }) };
}

export function isoOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
