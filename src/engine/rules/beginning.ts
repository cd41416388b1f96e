/** What follows for a task that is held back: its time comes, its gate lets it in or has no place, its input is replaced. */
import { causedBy } from "../../shared/actor.ts";
import { ok } from "../../shared/result.ts";
import type { TaskCreated } from "../facts/created.ts";
import type { Failure } from "../facts/failure.ts";
import type { TaskEvent } from "../facts/event.ts";
import type { Admission, InputOf } from "../facts/input.ts";
import { cancelSteps } from "./step.ts";
import type { TaskState } from "../state/state.ts";

const NOTHING: Admission = ok([]);

/** What follows for a task that is held, now that it is `now`; `null` while it goes on waiting. */
export function holdFacts({ hold, created }: TaskState, now: number): readonly TaskEvent[] | null {
  switch (hold?.type) {
    case undefined:
      return null;
    case "new":
      if (created.debounce !== undefined)
        return [{ type: "task.queued", waiting_on: { type: "debounce", until: created.debounce.due_at } }];
      if (created.start_at !== undefined) return [{ type: "task.queued", waiting_on: { type: "timer", until: created.start_at } }];
      return [beyondTime(created)];
    case "timer":
    case "debounce":
      return hold.until <= now ? [beyondTime(created)] : null;
    case "concurrency":
      return null;
  }
}

/** Its time has come: now the gate decides, if there is one. */
function beyondTime({ gate }: TaskCreated): TaskEvent {
  if (gate === undefined) return { type: "task.admitted" };
  return { type: "task.queued", waiting_on: { type: "concurrency", key: gate.key, limit: gate.limit } };
}

/** It stood in line for the task's `queue_ttl`. */
export function leaveGate(state: TaskState): readonly TaskEvent[] {
  const key = state.created.gate?.key ?? "";
  return reject(state, { code: "queue_timeout", message: `It waited for its turn under "${key}" for as long as its queue_ttl allows` });
}

/** The gate lets it in, maybe while it is paused: it goes on with its place then. */
export function admitThrough(state: TaskState): Admission {
  return state.hold?.type === "concurrency" && state.end === null ? ok([{ type: "task.admitted" }]) : NOTHING;
}

/** There is no place for it, and it does not want to wait for one. */
export function refuseAt(state: TaskState, { by }: InputOf<"refuse">): Admission {
  if (state.hold?.type !== "concurrency" || state.end !== null) return NOTHING;
  const key = state.created.gate?.key ?? "";
  return ok(reject(state, { code: "concurrency_limit", message: `All places under "${key}" are taken, one of them by ${by}` }));
}

/** A later submission of the burst: its input counts. Nothing comes of it once the burst is over. */
export function replaceInput(state: TaskState, replacement: InputOf<"replace">, now: number): Admission {
  const { input, until } = replacement;
  const { hold, created } = state;
  if (hold?.type !== "debounce" || hold.until <= now || state.end !== null) return NOTHING;
  return ok([{ type: "task.replaced", input, until: Math.min(until, created.debounce?.latest_at ?? until), ...causedBy(replacement) }]);
}

function reject(state: TaskState, error: Pick<Failure, "code" | "message">): readonly TaskEvent[] {
  return [...cancelSteps(state, "task_rejected"), { type: "task.rejected", error: { ...error, retryable: true } }];
}
