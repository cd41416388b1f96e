/** How large all values of a task are together; what is referred to counts once. */
import { newBytes, type StoredValue } from "../facts/value.ts";
import type { TaskState } from "./state.ts";

export function countValue(state: TaskState, stored: StoredValue | undefined): void {
  if (stored?.bytes === undefined) return;
  state.valueBytes += newBytes(stored, state.lastPayload);
  if ("payload" in stored && stored.payload > state.lastPayload) state.lastPayload = stored.payload;
}
