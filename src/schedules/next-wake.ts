/**
 * When a schedule's object wakes for its times: a function of what it has stored. A schedule that is paused, or has no time left, and has
 * nothing under way, does not.
 */
import { earliest } from "../objects/alarm.ts";
import { LIMITS } from "./limits.ts";
import { roomIn, type Progress } from "./progress.ts";
import type { ScheduleRecord } from "./schedule.ts";
import type { Times } from "./times.ts";

/** `isBusy`: this instance is starting what is to be started. */
export function wakeAt(record: ScheduleRecord, progress: Progress, times: Times, now: number, isBusy: boolean): number | null {
  // Nothing runs before the list has accepted it.
  return record.listed === 0 ? null : earliest(startingAt(progress, now, isBusy), dueAt(record, progress, times, now));
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
