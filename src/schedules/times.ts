/**
 * When a schedule is due. Pure: the same timing has the same times for ever, as far as the rules of its time zone stay.
 *
 * T1. `next(t)` is later than `t`, and no time lies between them: going from time to time misses none and repeats none.
 * T2. A run starts at its time or later, before the next time: jitter keeps the order.
 */
import { LIMITS } from "./limits.ts";
import { unitFromText } from "../shared/random.ts";
import { cronTimes, type NextTime } from "./cron.ts";
import type { Timing } from "./schedule.ts";

export interface Times {
  readonly next: NextTime;
  /** When the run of a time starts. */
  readonly startOf: (time: number) => number;
  /** How many times there are from `first`, which is one, up to a moment: exactly, or so many and perhaps more. */
  readonly count: (first: number, until: number) => TimeCount;
}

export interface TimeCount {
  readonly count: number;
  readonly isMore: boolean;
}

/** `seed` tells schedules of one timing apart, so that their jitter does. */
export function timesOf(timing: Timing, seed: string): Times {
  const { startsAt, endsAt, jitterMs } = timing;
  const inWhole = timing.type === "cron" ? cronTimes(timing.cron, timing.timezone) : intervalTimes(timing.everyMs, startsAt ?? 0);
  const next: NextTime = (after) => {
    const time = inWhole(startsAt === null ? after : Math.max(after, startsAt - 1));
    return time === null || (endsAt !== null && time >= endsAt) ? null : time;
  };
  return {
    next,
    startOf: (time) => {
      if (jitterMs === 0) return time;
      const roomMs = Math.min(jitterMs, (inWhole(time) ?? Number.POSITIVE_INFINITY) - time);
      return time + Math.floor(unitFromText(`${seed}/${time}`) * roomMs);
    },
    count: (first, until) =>
      timing.type === "interval"
        ? { count: Math.floor((lastBefore(endsAt, until) - first) / timing.everyMs) + 1, isMore: false }
        : countOneByOne(next, first, until),
  };
}

/** The first times after a moment. */
export function listTimes({ next }: Times, after: number, count: number): readonly number[] {
  const times: number[] = [];
  for (let time = next(after); time !== null && times.length < count; time = next(time)) times.push(time);
  return times;
}

/** The last time after `after` and not after `until`, found by halving: however many there are, a few dozen steps. */
export function lastTime({ next }: Times, after: number, until: number): number | null {
  const first = next(after);
  if (first === null || first > until) return null;
  let found = first;
  // None is after this.
  let end = until;
  while (end - found > 1) {
    const middle = found + Math.floor((end - found) / 2);
    const time = next(middle);
    if (time !== null && time <= until) found = time;
    else end = middle;
  }
  return found;
}

/** The last time after `after` whose run starts at `until` or before. */
export function lastStarted(times: Times, after: number, until: number): number | null {
  const last = lastTime(times, after, until);
  // Only the last one can be waiting for its start still: earlier ones start before it.
  return last === null || times.startOf(last) <= until ? last : lastTime(times, after, last - 1);
}

function intervalTimes(everyMs: number, from: number): NextTime {
  return (after) => from + Math.max(0, Math.floor((after - from) / everyMs) + 1) * everyMs;
}

const lastBefore = (endsAt: number | null, until: number): number => (endsAt === null ? until : Math.min(until, endsAt - 1));

function countOneByOne(next: NextTime, first: number, until: number): TimeCount {
  let count = 0;
  for (let time: number | null = first; time !== null && time <= until; time = next(time)) {
    if (count === LIMITS.scheduleCount) return { count, isMore: true };
    count++;
  }
  return { count, isMore: false };
}
