/** When the object must wake by itself. A function of state, so that whoever wakes it finds the same. */
import { LIMITS } from "../shared/limits.ts";
import type { TaskState } from "../engine/state.ts";
import { nextWakeAt } from "../engine/wake.ts";

/** The latest moment at which the object must look at the task again; `null` while only the outside can move it. */
export function latestAlarm(state: TaskState, now: number, taskRetentionMs: number): number | null {
  if (state.end !== null) {
    return state.end.at + (state.archivedAt === null ? LIMITS.archiveLatestMs : taskRetentionMs);
  }
  const wakeAt = nextWakeAt(state);
  // What was sent and has not shown that it arrived may be lost, and so may this instance.
  const outboxAt = state.unclaimed > 0 ? now + LIMITS.unclaimedMs : null;
  if (wakeAt === null || outboxAt === null) return wakeAt ?? outboxAt;
  return Math.min(wakeAt, outboxAt);
}
