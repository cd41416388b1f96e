/**
 * What keeps a task from beginning: a time, a burst of submissions that it stands for, a gate that limits how many run.
 * One after the other, in this order. A task with none of these has no hold, and costs nothing for it.
 */
import type { TaskCreated } from "../facts/created.ts";
import type { EventOf } from "../facts/event.ts";
import type { TaskState } from "../state/state.ts";
import { resident } from "../facts/value.ts";

export type Hold =
  /** It has just been created. */
  | { readonly type: "new" }
  | { readonly type: "timer" | "debounce"; readonly until: number }
  /** In the line of its gate. */
  | { readonly type: "concurrency"; readonly since: number };

export function initialHold({ start_at, debounce, gate }: TaskCreated): Hold | null {
  return start_at === undefined && debounce === undefined && gate === undefined ? null : { type: "new" };
}

export function applyHold(state: TaskState, event: EventOf<"task.queued" | "task.admitted" | "task.replaced">): void {
  if (event.type === "task.admitted") {
    state.hold = null;
    return;
  }
  if (event.type === "task.replaced") {
    state.input = resident(event.input, state.seq);
    return holdUntil(state, "debounce", event.until);
  }
  const { waiting_on: on } = event;
  if (on.type !== "concurrency") return holdUntil(state, on.type, on.until);
  state.hold = { type: "concurrency", since: state.at };
  state.clocks.push({ at: state.at + state.created.queue_ttl_ms, type: "queue" });
}

function holdUntil(state: TaskState, type: "timer" | "debounce", until: number): void {
  state.hold = { type, until };
  state.starts.push({ at: until, type: "begin" });
}

/** Whether a moment still means something for what holds the task. */
export function isHoldCurrent({ hold, created }: TaskState, type: "begin" | "queue", at: number): boolean {
  if (type === "queue") return hold?.type === "concurrency" && hold.since + created.queue_ttl_ms === at;
  return (hold?.type === "timer" || hold?.type === "debounce") && hold.until === at;
}
