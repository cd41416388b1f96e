/** What is due: every time is settled once, and what was missed is made up for as the schedule says. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dueSince, gapBetween } from "../../../src/schedules/due.ts";
import type { CatchUp } from "../../../src/schedules/schedule.ts";
import { listTimes, timesOf } from "../../../src/schedules/times.ts";
import { LIMITS } from "../../../src/schedules/limits.ts";
import { cronTiming, intervalTiming, timings } from "./timings.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const ROOM = LIMITS.scheduleStarts;
const noon = Date.parse("2026-06-01T12:00:00Z");
const hourly = timesOf(cronTiming("0 * * * *"), "");
const secondly = timesOf(cronTiming("* * * * * *"), "");
const hours = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => noon + (from + index) * HOUR);
const due = (catchUp: CatchUp, now: number, times = hourly, cursor = noon) => dueSince(times, cursor, now, catchUp, ROOM);

describe("in time", () => {
  test.each<CatchUp>([{ type: "none" }, { type: "one" }, { type: "all" }, { type: "within", ms: SECOND }])(
    "a time is due from its moment on, and a few seconds later as well (%j)",
    (catchUp) => {
      expect(due(catchUp, noon + HOUR - 1)).toEqual({ runs: [], missed: null, cursor: noon });
      for (const lateMs of [0, 5, LIMITS.scheduleGraceMs])
        expect(due(catchUp, noon + HOUR + lateMs)).toEqual({ runs: hours(1, 1), missed: null, cursor: noon + HOUR });
    },
  );

  test("every second, those of the last ten are due", () => {
    const { runs, missed } = due({ type: "none" }, noon + 7 * SECOND + 20, secondly);
    expect(runs).toEqual(Array.from({ length: 7 }, (_, index) => noon + (index + 1) * SECOND));
    expect(missed).toBeNull();
  });

  test("with jitter, from its own moment on", () => {
    const times = timesOf({ ...cronTiming("0 * * * *"), jitterMs: HOUR / 2 }, "tenant/name");
    const start = times.startOf(noon + HOUR);
    expect(start).toBeGreaterThan(noon + HOUR);
    expect(due({ type: "none" }, start - 1, times).runs).toEqual([]);
    expect(due({ type: "none" }, start, times)).toMatchObject({ runs: hours(1, 1), missed: null });
  });
});

describe("after five hours in which nobody looked", () => {
  const now = noon + 5 * HOUR + 30 * 60 * SECOND;
  const gap = (from: number, to: number) => ({
    first: noon + from * HOUR,
    last: noon + to * HOUR,
    count: to - from + 1,
    isMore: false,
  });

  test.each<[CatchUp, readonly number[], ReturnType<typeof gap> | null]>([
    [{ type: "none" }, [], gap(1, 5)],
    [{ type: "one" }, hours(5, 5), gap(1, 4)],
    [{ type: "all" }, hours(1, 5), null],
    [{ type: "within", ms: 2 * HOUR }, hours(4, 5), gap(1, 3)],
    [{ type: "within", ms: 100 * HOUR }, hours(1, 5), null],
  ])("%j", (catchUp, runs, missed) => {
    expect(due(catchUp, now)).toEqual({ runs, missed, cursor: noon + 5 * HOUR });
  });

  test("what is on time has its run whatever was missed", () => {
    const onTime = noon + 6 * HOUR;
    expect(due({ type: "none" }, onTime)).toEqual({ runs: hours(6, 6), missed: gap(1, 5), cursor: onTime });
    expect(due({ type: "one" }, onTime)).toEqual({ runs: hours(5, 6), missed: gap(1, 4), cursor: onTime });
  });

  test("what there is no room for stays due", () => {
    const first = dueSince(hourly, noon, now, { type: "all" }, 2);
    expect(first).toEqual({ runs: hours(1, 2), missed: null, cursor: noon + 2 * HOUR });
    expect(dueSince(hourly, first.cursor, now, { type: "all" }, 2).runs).toEqual(hours(3, 4));
    expect(dueSince(hourly, noon, now, { type: "all" }, 0)).toEqual({ runs: [], missed: null, cursor: noon });
  });
});

describe("after a month, every second of it missed", () => {
  const now = noon + 30 * 24 * HOUR;

  test.each<[string, Parameters<typeof dueSince>[0], boolean]>([
    ["a cron", secondly, true],
    ["an interval", timesOf(intervalTiming(SECOND), ""), false],
  ])("%s is settled without going through all of them", (_, times, isMore) => {
    const startedAt = performance.now();
    const { runs, missed, cursor } = due({ type: "one" }, now, times);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    // The one that makes up for those that were missed, and those of the last ten seconds.
    expect(runs).toEqual(Array.from({ length: 12 }, (__, index) => now - (11 - index) * SECOND));
    expect(cursor).toBe(now);
    expect(missed).toEqual({
      first: noon + SECOND,
      last: now - 12 * SECOND,
      count: isMore ? LIMITS.scheduleCount : (now - noon) / SECOND - 12,
      isMore,
    });
  });

  test("all of them are made up for, a few at a time", () => {
    const { runs, missed, cursor } = due({ type: "all" }, now, secondly);
    expect(runs).toHaveLength(ROOM);
    expect({ missed, cursor }).toEqual({ missed: null, cursor: noon + ROOM * SECOND });
  });
});

describe("whatever the timing, however late", () => {
  const policies = fc.oneof(
    fc.constantFrom<CatchUp>({ type: "none" }, { type: "one" }, { type: "all" }),
    fc.record({ type: fc.constant("within" as const), ms: fc.integer({ min: 1, max: 40 * 24 * HOUR }) }),
  );
  /** How long the object sleeps between looks. */
  const sleeps = fc.array(fc.oneof(fc.integer({ min: 0, max: 30 * SECOND }), fc.integer({ min: 0, max: 3 * 24 * HOUR })), {
    minLength: 1,
    maxLength: 12,
  });

  test("no time gets two runs, none that had one is missed, and none is passed over in silence", () => {
    fc.assert(
      fc.property(timings, policies, sleeps, fc.integer({ min: 1, max: ROOM }), (timing, catchUp, pauses, room) => {
        const times = timesOf(timing, "s");
        const runs: number[] = [];
        let [now, cursor, covered] = [noon, noon, 0];
        for (const pause of pauses) {
          now += pause;
          const settled = dueSince(times, cursor, now, catchUp, room);
          expect(settled.runs.length).toBeLessThanOrEqual(room);
          const [first, missed] = [settled.runs[0], settled.missed];
          if (missed !== null) {
            expect(missed.first).toBe(times.next(cursor));
            expect(missed.last).toBeLessThan(first ?? Number.POSITIVE_INFINITY);
            expect(missed.first).toBeLessThanOrEqual(missed.last);
          }
          // From the old cursor to the new one there is nothing but what was missed and what runs.
          const inRow = [...(missed === null ? [] : [missed.last]), ...settled.runs];
          for (const [index, time] of inRow.entries()) {
            if (index > 0) expect(time).toBe(times.next(inRow[index - 1] as number));
            else if (missed === null) expect(time).toBe(times.next(cursor));
          }
          expect(settled.cursor).toBe(inRow.at(-1) ?? cursor);
          runs.push(...settled.runs);
          covered += settled.runs.length + (missed?.count ?? 0);
          cursor = settled.cursor;
        }
        expect(new Set(runs).size).toBe(runs.length);
        expect(runs.every((time, index) => index === 0 || time > (runs[index - 1] as number))).toBe(true);
        if (covered < 400) expect(listTimes(times, noon, covered).at(-1) ?? cursor).toBe(cursor);
      }),
      { numRuns: 150 },
    );
  });

  test("a run is never later than its policy allows, unless there was no room", () => {
    fc.assert(
      fc.property(timings, policies, fc.integer({ min: 0, max: 30 * 24 * HOUR }), (timing, catchUp, sleep) => {
        const times = timesOf(timing, "s");
        const now = noon + sleep;
        const { runs } = dueSince(times, noon, now, catchUp, ROOM);
        const late = runs.filter((time) => now - times.startOf(time) > LIMITS.scheduleGraceMs);
        if (catchUp.type === "none") expect(late).toEqual([]);
        if (catchUp.type === "one") expect(late.length).toBeLessThanOrEqual(1);
        if (catchUp.type === "within") for (const time of late) expect(now - times.startOf(time)).toBeLessThanOrEqual(catchUp.ms);
      }),
    );
  });

  test("a gap has its first and last time, and as many as there are", () => {
    fc.assert(
      fc.property(timings, fc.integer({ min: 0, max: 2 * HOUR }), (timing, ms) => {
        const times = timesOf(timing, "s");
        const expected = listTimes(times, noon, LIMITS.scheduleCount + 1).filter((time) => time <= noon + ms);
        const found = gapBetween(times, noon, noon + ms);
        if (expected.length === 0) expect(found).toBeNull();
        else if (expected.length > LIMITS.scheduleCount) expect(found?.count).toBeGreaterThanOrEqual(LIMITS.scheduleCount);
        else expect(found).toEqual({ first: expected[0], last: expected.at(-1), count: expected.length, isMore: false });
      }),
      { numRuns: 50 },
    );
  });
});
