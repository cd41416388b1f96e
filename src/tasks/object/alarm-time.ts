/** When the object must wake by itself. A function of state, so that whoever wakes it finds the same. */
import { LIMITS } from "../limits.ts";
import type { TaskState } from "../../engine/state/state.ts";
import { nextHedgeAt, nextWakeAt } from "../../engine/rules/wake.ts";

/** The latest moment at which the object must look at the task again; `null` while only the outside can move it. */
export function latestAlarm(state: TaskState, now: number, taskRetentionMs: number): number | null {
  if (state.end !== null) {
    return state.end.at + (state.archivedAt === null ? LIMITS.archiveLatestMs : taskRetentionMs);
  }
  const wakeAt = nextWakeAt(state);
  // What was sent and has not shown that it arrived may be lost, and so may this instance.
  const outboxAt = state.unclaimed > 0 ? now + LIMITS.unclaimedMs : null;
  // So may a request for a slot, which is less and less likely the longer nothing has been heard.
  const lineAt = state.queued > 0 ? now + askAgainMs(state.queuedAt, now) : null;
  // And so may what was said to a task that this one has started, and the news that it has ended.
  const childrenAt = state.children.size > 0 ? now + askAgainMs(Math.max(state.childrenAt, state.steeredAt), now) : null;
  const orphansAt = state.orphans.size > 0 ? now + askAgainMs(state.orphansAt, now) : null;
  // And so may a question to the cache, or its answer.
  const isOwed = state.asking.size + state.outdated.size > 0;
  const cacheAt = isOwed ? now + askAgainMs(Math.max(state.askingAt, state.outdatedAt), now) : null;
  // So may the request to be let in, or its answer.
  const gateAt = state.hold?.type === "concurrency" ? now + askAgainMs(state.hold.since, now) : null;
  const hedgeAt = nextHedgeAt(state);
  const moments = [
    wakeAt,
    outboxAt,
    lineAt,
    childrenAt,
    orphansAt,
    cacheAt,
    gateAt,
    hedgeAt !== null && hedgeAt > now + LIMITS.hedgeTimerMs ? hedgeAt : null,
  ];
  const due = moments.filter((at) => at !== null);
  return due.length === 0 ? null : Math.min(...due);
}

/** How long to wait before asking again for a slot that was asked for first at `since`. */
export function askAgainMs(since: number, now: number): number {
  return Math.min(Math.max(LIMITS.unclaimedMs, now - since), LIMITS.resendMaxMs);
}
