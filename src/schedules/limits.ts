/** Bounds of this room, each with its reason, and those of what it stands on. Passing one is a refusal with a code, never a crash. */
import { LIMITS as TASKS } from "../tasks/limits.ts";

const KIB = 1024;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const LIMITS = {
  ...TASKS,

  schedulesPerTenant: 1_000,
  /** A schedule with its task, which its object keeps as one value; a larger workflow is registered, a larger input fetched. */
  scheduleBytes: 256 * KIB,
  cronLength: 256,
  timeZoneLength: 64,
  /** The shortest interval; cron has nothing shorter either. */
  scheduleEveryMs: 1 * SECOND,
  /** A run that starts later than this counts as missed: alarms are punctual, but a deploy or a retried one costs seconds. */
  scheduleGraceMs: 10 * SECOND,
  /** Runs that are decided upon and not started yet; while there are so many no time is looked at. Bounds the work of an alarm. */
  scheduleStarts: 20,
  /** Times that were missed are made up for at most so fast by one schedule in an isolate … */
  scheduleMakesUp: { atOnce: 20, perSecond: 10 },
  /** … and so fast by all of a tenant, so that others are answered in between. */
  tenantMakesUp: { atOnce: 50, perSecond: 50 },
  /** Who changes, pauses or runs a schedule waits so long for what is being started; thousands of missed times take minutes. */
  scheduleAnswerMs: 2 * SECOND,
  /** Tasks of a schedule that are remembered as running, the latest. */
  scheduleRunning: 20,
  /** Times of a cron that are counted one by one when they were missed: each takes a tenth of a millisecond or two. */
  scheduleCount: 1_000,
  /** What a schedule's log keeps, and entries between two looks at that. */
  scheduleRunsKept: 1_000,
  scheduleRunsPerTrim: 100,
  /** Looks whether the run has ended that another waits for: as often as a share of the wait so far, within these. */
  scheduleLookShare: 0.25,
  scheduleLookMs: 1 * SECOND,
  scheduleLookMaxMs: 60 * SECOND,
  /** A start that met trouble is made again after a second, doubling up to this … */
  scheduleRetryMs: 1 * SECOND,
  scheduleRetryMaxMs: 60 * SECOND,
  /** … and given up after so many times, if the trouble is none that passes. */
  scheduleTries: 5,
  /** While something is being done the alarm is at most this far away: the instance may be lost. */
  scheduleLeaseMs: 30 * SECOND,
  /** The alarm of a time that is far away is on the way there: the rules of time zones change. */
  scheduleAlarmMs: 1 * DAY,
  /** Coming times listed, unless told otherwise and at most. */
  scheduleNext: 10,
  scheduleNextMax: 100,
  /** What is suggested instead of a schedule that cannot be: how many, and how many coming times of each. */
  suggestions: 3,
  suggestionTimes: 3,
} as const;
