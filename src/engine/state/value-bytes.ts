/** How large all values of a task are together; what is referred to counts once. */
import { carriedBy } from "../facts/carried-value.ts";
import type { TaskEvent } from "../facts/event.ts";
import { newBytes } from "../facts/value.ts";
import type { TaskState } from "./state.ts";

export function countValue(state: TaskState, event: TaskEvent): void {
  const stored = carriedBy(event);
  if (stored?.bytes === undefined) return;
  state.valueBytes += newBytes(stored, state.lastPayload);
  if ("payload" in stored && stored.payload > state.lastPayload) state.lastPayload = stored.payload;
}
