/**
 * When a schedule's object wakes: a function of what it has stored. A schedule that is paused, or has no time left, and has
 * nothing under way, does not.
 */
import { LIMITS } from "./limits.ts";
import { roomIn, type Progress } from "./progress.ts";
import type { ScheduleRecord } from "./schedule.ts";
import type { Times } from "./times.ts";

/** `isBusy`: this instance is starting what is to be started. */
export function wakeAt(record: ScheduleRecord, progress: Progress, times: Times, now: number, isBusy: boolean): number | null {
  const moments = [record.listed === record.head.revision ? null : now + LIMITS.scheduleLeaseMs];
  // Not before the list has accepted it.
  if (record.listed > 0) {
    moments.push(startingAt(progress, now, isBusy), dueAt(record, progress, times, now));
  }
  const known = moments.filter((at) => at !== null);
  return known.length === 0 ? null : Math.min(...known);
}

/** What waits is looked at together with what is to be started behind it, and has no moment of its own then. */
function startingAt({ starting: [first], waiting }: Progress, now: number, isBusy: boolean): number | null {
  const at = first?.retryAt ?? waiting?.lookAt ?? null;
  if (at === null) return null;
  return isBusy ? now + LIMITS.scheduleLeaseMs : Math.max(at, now);
}

function dueAt({ head }: ScheduleRecord, progress: Progress, times: Times, now: number): number | null {
  if (head.paused !== null || roomIn(progress) === 0) return null;
  const next = times.next(progress.cursor);
  return next === null ? null : Math.min(times.startOf(next), now + LIMITS.scheduleAlarmMs);
}
