/**
 * What is due now: which times get a run, and which were missed. Pure.
 *
 * D1. Every time is settled once: it is at the cursor or before, for ever, or after it.
 * D2. What this costs does not grow with how long nobody looked.
 */
import { LIMITS } from "./limits.ts";
import type { CatchUp } from "./schedule.ts";
import { lastStarted, lastTime, type TimeCount, type Times } from "./times.ts";

/** Times in a row that get no run. */
export interface Gap extends TimeCount {
  readonly first: number;
  readonly last: number;
}

export interface Due {
  /** In order. */
  readonly runs: readonly number[];
  readonly missed: Gap | null;
  /** The last time that is settled by now, or where the last look ended. */
  readonly cursor: number;
}

/** What is due since the cursor, with room for so many runs. What does not fit stays due. */
export function dueSince(times: Times, cursor: number, now: number, catchUp: CatchUp, room: number): Due {
  const first = times.next(cursor);
  if (room <= 0 || first === null || times.startOf(first) > now) return { runs: [], missed: null, cursor };
  const lost = lastLost(times, cursor, now, catchUp);
  const runs: number[] = [];
  let settled = lost ?? cursor;
  for (let time = times.next(settled); time !== null && runs.length < room && times.startOf(time) <= now; time = times.next(time)) {
    runs.push(time);
    settled = time;
  }
  return { runs, missed: lost === null ? null : { first, last: lost, ...times.count(first, lost) }, cursor: settled };
}

/** All times after `after` and not after `until`, whatever would have become of them. */
export function gapBetween(times: Times, after: number, until: number): Gap | null {
  const first = times.next(after);
  const last = lastTime(times, after, until);
  return first === null || last === null ? null : { first, last, ...times.count(first, last) };
}

/** The last time that is too late for a run. Which those are depends on how late a run may start at most. */
function lastLost(times: Times, cursor: number, now: number, catchUp: CatchUp): number | null {
  const lastLate = lastStarted(times, cursor, now - LIMITS.scheduleGraceMs - 1);
  switch (catchUp.type) {
    case "none":
      return lastLate;
    case "one":
      return lastLate === null ? null : lastTime(times, cursor, lastLate - 1);
    case "within":
      return lastStarted(times, cursor, now - Math.max(catchUp.ms, LIMITS.scheduleGraceMs) - 1);
    case "all":
      return lastStarted(times, cursor, now - LIMITS.durationMs - 1);
  }
}
