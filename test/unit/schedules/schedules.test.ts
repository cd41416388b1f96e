/** What is refused and suggested, what overlapping runs mean, when the object wakes, and what changes of a schedule mean. */
import { describe, expect, test } from "vitest";
import { boundsRefusal, timingRefusal } from "../../../src/schedules/check.ts";
import { overlapVerdict } from "../../../src/schedules/overlap.ts";
import {
  freshProgress,
  isPlanned,
  lookedAt,
  plannedRun,
  roomIn,
  skippedTo,
  without,
  withoutEnded,
  withRetry,
  withRunning,
  withStarting,
  withWaiting,
  type Progress,
} from "../../../src/schedules/progress.ts";
import {
  changedRecord,
  isUnchanged,
  newRecord,
  steeredRecord,
  type ScheduleDraft,
  type ScheduleRecord,
  type Timing,
} from "../../../src/schedules/schedule.ts";
import { timesOf } from "../../../src/schedules/times.ts";
import { wakeAt } from "../../../src/schedules/next-wake.ts";
import { LIMITS } from "../../../src/schedules/limits.ts";
import { cronTiming, intervalTiming } from "./timings.ts";

const BY = { type: "key", id: "root" } as const;

const now = Date.parse("2026-11-25T10:00:00Z");
const HOUR = 3_600_000;

interface Suggested {
  readonly cron?: string;
  readonly every?: string;
  readonly timezone?: string;
  readonly next: readonly string[];
}
const refusal = (cron: string, timezone = "UTC") => {
  const refused = timingRefusal(cronTiming(cron, timezone), now);
  return { ...refused, suggestions: (refused?.facts?.["suggestions"] ?? []) as unknown as readonly Suggested[] };
};

describe("a date that does not exist", () => {
  test.each([
    ["0 0 30 2 *", ["0 0 L 2 *", "0 0 29 2 *", "0 0 28 2 *"]],
    ["0 0 31 4,6 *", ["0 0 L 4,6 *", "0 0 30 4,6 *", "0 0 29 4,6 *"]],
    ["15 30 4 31 FEB *", ["15 30 4 L FEB *", "15 30 4 29 FEB *", "15 30 4 28 FEB *"]],
    ["0 0 29 2 +MON#1", ["0 0 29 2 MON#1", "0 0 29 2 *", "0 0 * 2 +MON#1"]],
  ])("%s is refused, with those near it that do", (cron, near) => {
    const { code, detail, faults, suggestions } = refusal(cron);
    expect(code).toBe("invalid_schedule");
    expect(detail).toBe(`/cron: "${cron}" never runs: there is no such date; for example, "${near[0]}" would do`);
    expect(faults?.map(({ pointer }) => pointer)).toEqual(["/cron"]);
    expect(suggestions.map((suggested) => suggested.cron)).toEqual(near);
    for (const { next } of suggestions) expect(next).toHaveLength(LIMITS.suggestionTimes);
  });
});

describe("a cron that cannot be read", () => {
  test.each([
    ["61 * * * *", '"61" is no minute: expected 0–59', ["59 * * * *", "0 * * * *"]],
    ["60 * * * *", '"60" is no minute', ["0 * * * *", "59 * * * *"]],
    ["0 24 * * *", '"24" is no hour: expected 0–23', ["0 0 * * *", "0 23 * * *", "0 * * * *"]],
    ["0 9 * 13 *", '"13" is no month: expected 1–12, JAN–DEC', ["0 9 * 12 *", "0 9 * * *"]],
    ["0 9 0 * *", '"0" is no day of the month: expected 1–31', ["0 9 1 * *", "0 9 * * *"]],
    ["0 9 * * monday", '"monday" is no day of the week: expected 0–7, SUN–SAT', ["0 9 * * MON", "0 9 * * *"]],
    ["0 9 * * fri-mon", '"fri-mon" is no day of the week', ["0 9 * * 5-7,0-1", "0 9 * * *"]],
    ["0 22-26 * * *", '"22-26" is no hour', ["0 22-23 * * *", "0 * * * *"]],
    ["5/15 * * * *", '"5/15" is no minute', ["5-59/15 * * * *", "0 * * * *"]],
    ["0 9 * * 1-5,", '"1-5," is no day of the week', ["0 9 * * 1-5", "0 9 * * *"]],
    ["*/0 * * * *", '"*/0" is no minute', ["* * * * *", "0 * * * *"]],
    ["* * * *", "expected 5 fields", ["* * * * *"]],
    ["0 0 12 * * ? 2027", "got 7", ["0 12 * * ?"]],
    ["every day", "got 2", ["0 * * * *"]],
    ["2027-01-01T00:00:00", "got 1", ["0 * * * *", "0 0 * * *"]],
    ["@reboot", "got 1", ["0 * * * *", "0 0 * * *"]],
    ["", "got 0", ["0 * * * *", "0 0 * * *"]],
  ])("%s is refused, with what was probably meant", (cron, said, near) => {
    const { faults, suggestions } = refusal(cron);
    expect(faults?.[0]?.message).toContain(said);
    expect(suggestions.map((suggested) => suggested.cron)).toEqual(near);
  });

  test("every wrong field is told", () => {
    expect(refusal("a 9 * 13 *").faults?.map(({ message }) => message.slice(0, 14))).toEqual(['"a" is no minu', '"13" is no mon']);
  });

  test("a step that no field has room for is an interval", () => {
    expect(refusal("*/90 * * * *").suggestions).toMatchObject([{ every: "90m", next: ["2026-11-25T10:30:00.000Z", {}, {}] }]);
    expect(refusal("0 */36 * * *").suggestions).toMatchObject([{ every: "36h" }]);
  });
});

describe("a time zone that is none", () => {
  test.each([
    ["Europe/Lubljana", "Europe/Ljubljana"],
    ["Ljubljana", "Europe/Ljubljana"],
    ["America/New York", "America/New_York"],
    ["new york", "America/New_York"],
  ])("%s is refused: %s was meant", (timezone, meant) => {
    const { faults, suggestions } = refusal("0 2 * * *", timezone);
    expect(faults).toMatchObject([{ pointer: "/timezone", message: expect.stringContaining(`did you mean "${meant}"?`) }]);
    expect(suggestions).toMatchObject([{ cron: "0 2 * * *", timezone: meant, next: { length: 3 } }]);
  });

  test("that is like no other gets an example", () => {
    expect(refusal("0 2 * * *", "Mars").faults?.[0]?.message).toContain('expected a name such as "Europe/Ljubljana"');
    expect(refusal("0 0 30 2 *", "Mars").faults?.map(({ pointer }) => pointer)).toEqual(["/cron", "/timezone"]);
  });
});

test("what can be kept is not refused", () => {
  for (const cron of ["0 0 29 2 *", "* * * * * *", "@weekly", "0 9 L * *", "0 9 15W * *", " 0  9 * * 1-5 "])
    expect(refusal(cron).code).toBeUndefined();
  expect(timingRefusal(intervalTiming(HOUR), now)).toBeNull();
});

test("bounds that leave no time are refused, with the first one that there would be", () => {
  const daily = cronTiming("0 2 * * *");
  expect(boundsRefusal({ ...daily, endsAt: now + 24 * HOUR }, now)).toBeNull();
  expect(boundsRefusal({ ...daily, endsAt: now + HOUR }, now)).toMatchObject({
    code: "invalid_schedule",
    faults: [{ pointer: "/ends_at", message: expect.stringContaining("the first time after now is 2026-11-26T02:00:00.000Z") }],
  });
  expect(boundsRefusal({ ...daily, startsAt: now + 20 * HOUR, endsAt: now + 21 * HOUR }, now)?.detail).toContain(
    "after starts_at is 2026-11-27",
  );
});

describe("a run that would overlap", () => {
  test.each([
    ["allow", false, "start"],
    ["skip", false, "skip"],
    ["skip", true, "skip"],
    ["queue", false, "wait"],
    ["queue", true, "skip"],
    ["cancel_previous", true, "wait"],
  ] as const)("%s, where one waits: %s → %s", (overlap, isOneWaiting, type) => {
    expect(overlapVerdict(overlap, "task_1", isOneWaiting)).toMatchObject({ type });
  });
});

const [one, two] = [plannedRun(now), plannedRun(now + HOUR)];

describe("progress", () => {
  const byHand = plannedRun(now, "key");

  test("tells a run by hand from the time it was asked for at", () => {
    const progress = withStarting(withStarting(freshProgress(0), one), byHand);
    expect(without(progress, one).starting).toEqual([byHand]);
    expect([isPlanned(progress, byHand), isPlanned(progress, two)]).toEqual([true, false]);
  });

  test("moves a run from where it is to where it goes", () => {
    const waiting = withWaiting(withStarting(freshProgress(0), one), one, now, now);
    expect(waiting).toMatchObject({ starting: [], waiting: { at: now, since: now } });
    expect(withRunning(waiting, one, "task_1")).toMatchObject({ waiting: null, running: [{ at: now, task: "task_1" }] });
    expect(withoutEnded(withRunning(waiting, one, "task_1"), new Set(["task_1"])).running).toEqual([]);
  });

  test("never goes back", () => {
    expect(skippedTo(freshProgress(now), now - 1).cursor).toBe(now);
  });

  test("is bounded", () => {
    let progress: Progress = freshProgress(0);
    for (let at = 0; at < 100; at++) progress = withRunning(progress, plannedRun(at), `task_${at}`);
    expect(progress.running).toHaveLength(LIMITS.scheduleRunning);
    expect(progress.running.at(-1)?.task).toBe("task_99");
    for (let at = 0; at < LIMITS.scheduleStarts; at++) progress = withStarting(progress, plannedRun(at));
    expect(roomIn(progress)).toBe(0);
  });

  test("tries again after a second, doubling up to a minute", () => {
    let progress = withStarting(freshProgress(0), one);
    const pauses = Array.from({ length: 9 }, () => {
      const [run] = progress.starting;
      progress = withRetry(progress, run ?? one, now);
      return ((progress.starting[0]?.retryAt ?? 0) - now) / 1_000;
    });
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  test("looks the more rarely the longer it has waited", () => {
    const waiting = withWaiting(freshProgress(0), one, now, now);
    const pauseAfter = (ms: number): number => (lookedAt(waiting, now + ms).waiting?.lookAt ?? 0) - now - ms;
    expect([0, 4_000, 40_000, 24 * HOUR].map(pauseAfter)).toEqual([1_000, 1_000, 10_000, 60_000]);
  });
});

const draft: ScheduleDraft = {
  timing: cronTiming("0 2 * * *"),
  overlap: "skip",
  catchUp: { type: "one" },
  description: null,
  taskType: "study",
  task: "{}",
  paused: null,
  fingerprint: "f",
  origin: "https://o.example",
};
const listed = (record: ScheduleRecord): ScheduleRecord => ({ ...record, listed: record.head.revision });

describe("a change", () => {
  const record = newRecord("acme", "nightly", "i1", draft, now);

  test("counts, and keeps what it does not say", () => {
    const paused = steeredRecord(record, { since: now, reason: "holiday" }, BY, now + 1);
    const changed = changedRecord(paused, { ...draft, description: "d", fingerprint: "g" }, now + 2);
    expect(changed.head).toMatchObject({
      revision: 3,
      description: "d",
      paused: { reason: "holiday" },
      createdAt: now,
      updatedAt: now + 2,
    });
    expect(changed.incarnation).toBe("i1");
    expect(changedRecord(paused, { ...draft, paused: false }, now).head.paused).toBeNull();
    expect(changedRecord(record, { ...draft, paused: true }, now).head.paused).toEqual({ since: now, reason: null });
  });

  test("to the same is none", () => {
    expect(isUnchanged(record, draft)).toBe(true);
    expect(isUnchanged(record, { ...draft, paused: false })).toBe(true);
    expect(isUnchanged(record, { ...draft, paused: true })).toBe(false);
    expect(isUnchanged(record, { ...draft, fingerprint: "g" })).toBe(false);
  });
});

describe("the object wakes", () => {
  const wake = (record: ScheduleRecord, progress = freshProgress(now), isBusy = false) =>
    wakeAt(record, progress, timesOf(record.head.timing, ""), now, isBusy);
  const withTiming = (timing: Timing): ScheduleRecord => listed(newRecord("acme", "nightly", "i1", { ...draft, timing }, now));
  const soon = withTiming(intervalTiming(15 * 60_000));

  test("at the next time; of one far away at least once a day", () => {
    expect(wake(soon)).toBe(now + 15 * 60_000);
    expect(wake(withTiming(cronTiming("0 0 29 2 *")))).toBe(now + LIMITS.scheduleAlarmMs);
  });

  test("never, when it is paused or has no time left, and nothing is under way", () => {
    expect(wake({ ...soon, head: { ...soon.head, paused: { since: now, reason: null } } })).toBeNull();
    expect(wake(withTiming({ ...cronTiming("0 2 * * *"), endsAt: now + HOUR }))).toBeNull();
  });

  test("soon, for what is to be started, and what waits", () => {
    const paused = { ...soon, head: { ...soon.head, paused: { since: now, reason: null } } };
    const starting = withStarting(freshProgress(now), plannedRun(now - 1));
    expect(wake(paused, starting)).toBe(now);
    expect(wake(paused, starting, true)).toBe(now + LIMITS.scheduleLeaseMs);
    expect(wake(paused, withWaiting(starting, plannedRun(now - 1), now, now + 1_000))).toBe(now + 1_000);
  });

  test("no sooner than it can do something: what waits is looked at with what is to be started behind it", () => {
    const late = { ...plannedRun(now), retryAt: now + 5_000 };
    expect(wake(soon, withStarting(withWaiting(freshProgress(now), plannedRun(now - 1), now, now - 1), late))).toBe(now + 5_000);
    const troubled = withRetry(withStarting(withWaiting(freshProgress(now), one, now, now), two), one, now);
    expect(wake(soon, troubled)).toBe(now + LIMITS.scheduleRetryMs);
  });

  test("not for times while there is no room for their runs", () => {
    let crowded = freshProgress(now);
    for (let at = 0; at < LIMITS.scheduleStarts; at++) crowded = withStarting(crowded, { ...plannedRun(at), retryAt: now + 50 * HOUR });
    expect(wake(soon, crowded)).toBe(now + 50 * HOUR);
  });

  test("for none of its times before the list has accepted it", () => {
    expect(wake(newRecord("acme", "nightly", "i1", { ...draft, timing: intervalTiming(1_000) }, now))).toBeNull();
  });
});
