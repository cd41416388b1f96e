/** When a schedule is due: time zones, clocks that change, leap days, intervals, jitter. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cronTimes } from "../../../src/schedules/cron.ts";
import type { Timing } from "../../../src/schedules/schedule.ts";
import { lastStarted, lastTime, listTimes, timesOf } from "../../../src/schedules/times.ts";
import { isoTime } from "../../../src/shared/time.ts";
import { BOUNDLESS, cronTiming, intervalTiming, timings } from "./timings.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (text: string): number => Date.parse(text);
const next = (timing: Timing, after: string, count: number): readonly string[] =>
  listTimes(timesOf(timing, ""), at(after), count).map(isoTime);
const inLjubljana = (cron: string, after: string, count: number) => next(cronTiming(cron, "Europe/Ljubljana"), after, count);

describe("a cron", () => {
  test("has five fields, or six with seconds first, or a name", () => {
    expect(next(cronTiming("30 4 * * *"), "2026-01-01T00:00:00Z", 2)).toEqual(["2026-01-01T04:30:00.000Z", "2026-01-02T04:30:00.000Z"]);
    expect(next(cronTiming("*/20 30 4 * * *"), "2026-01-01T04:30:00Z", 2)).toEqual([
      "2026-01-01T04:30:20.000Z",
      "2026-01-01T04:30:40.000Z",
    ]);
    expect(next(cronTiming("@daily"), "2026-01-01T00:00:00Z", 1)).toEqual(["2026-01-02T00:00:00.000Z"]);
    expect(next(cronTiming("* * * * * *"), "2026-01-01T00:00:00.250Z", 2)).toEqual([
      "2026-01-01T00:00:01.000Z",
      "2026-01-01T00:00:02.000Z",
    ]);
  });

  test("with a day of the month and one of the week runs on both, with + on those that are both", () => {
    expect(next(cronTiming("0 0 13 * FRI"), "2026-11-01T00:00:00Z", 3).map((time) => time.slice(0, 10))).toEqual([
      "2026-11-06",
      "2026-11-13",
      "2026-11-20",
    ]);
    expect(next(cronTiming("0 0 13 * +FRI"), "2026-11-01T00:00:00Z", 2).map((time) => time.slice(0, 10))).toEqual([
      "2026-11-13",
      "2027-08-13",
    ]);
  });

  test("has leap days where there are some, and the last day of every month", () => {
    expect(next(cronTiming("0 12 29 2 *"), "2096-01-01T00:00:00Z", 2).map((time) => time.slice(0, 10))).toEqual([
      "2096-02-29",
      "2104-02-29",
    ]);
    expect(next(cronTiming("0 12 L * *"), "2028-01-31T12:00:00Z", 2).map((time) => time.slice(0, 10))).toEqual([
      "2028-02-29",
      "2028-03-31",
    ]);
    expect(next(cronTiming("0 12 31 * *"), "2027-01-31T12:00:00Z", 2).map((time) => time.slice(0, 10))).toEqual([
      "2027-03-31",
      "2027-05-31",
    ]);
  });
});

describe("where clocks go forward", () => {
  test("a time in the gap is at its end, once, and the days around it have theirs", () => {
    expect(inLjubljana("30 2 * * *", "2026-03-28T00:00:00Z", 3)).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(inLjubljana("0 2,3 * * *", "2026-03-28T22:00:00Z", 3)).toEqual([
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:00:00.000Z",
      "2026-03-30T01:00:00.000Z",
    ]);
  });

  test("every half hour is every half hour", () => {
    expect(inLjubljana("*/30 * * * *", "2026-03-29T00:00:00Z", 4)).toEqual([
      "2026-03-29T00:30:00.000Z",
      "2026-03-29T01:00:00.000Z",
      "2026-03-29T01:30:00.000Z",
      "2026-03-29T02:00:00.000Z",
    ]);
  });

  test("where it is midnight that does not exist, the day has its run", () => {
    expect(next(cronTiming("0 0 * * *", "Africa/Cairo"), "2026-04-23T00:00:00Z", 3)).toEqual([
      "2026-04-23T22:00:00.000Z",
      "2026-04-24T21:00:00.000Z",
      "2026-04-25T21:00:00.000Z",
    ]);
  });
});

describe("where clocks go back", () => {
  test("a time that comes twice is the first one", () => {
    expect(inLjubljana("30 2 * * *", "2026-10-24T12:00:00Z", 2)).toEqual(["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]);
  });

  test("every half hour is every half hour, and every second every second", () => {
    expect(inLjubljana("*/30 * * * *", "2026-10-24T23:30:00Z", 5)).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T01:00:00.000Z",
      "2026-10-25T01:30:00.000Z",
      "2026-10-25T02:00:00.000Z",
    ]);
    const seconds = listTimes(timesOf(cronTiming("* * * * * *", "Europe/Ljubljana"), ""), at("2026-10-25T00:59:00Z"), 200);
    expect(seconds).toEqual(Array.from({ length: 200 }, (_, index) => at("2026-10-25T00:59:01Z") + index * 1_000));
  });

  test("by half an hour, as on Lord Howe, too", () => {
    expect(next(cronTiming("45 1 * * *", "Australia/Lord_Howe"), "2026-04-04T00:00:00Z", 2)).toEqual([
      "2026-04-04T14:45:00.000Z",
      "2026-04-05T15:15:00.000Z",
    ]);
  });
});

/** Every minute of some days with its local time, from the runtime's own calendar. */
function localMinutes(zone: string, from: number, days: number) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", dateStyle: "short", timeStyle: "short" });
  return Array.from({ length: days * 1_440 }, (_, index) => {
    const instant = from + index * MINUTE;
    const [date = "", time = ""] = format.format(instant).split(", ");
    const [hour = "", minute = ""] = time.split(":");
    return { instant, date, hour: Number(hour), minute: Number(minute) };
  });
}

const CHANGES: readonly (readonly [zone: string, from: string])[] = [
  ["Europe/Ljubljana", "2026-03-28T00:00:00Z"],
  ["Europe/Ljubljana", "2026-10-24T00:00:00Z"],
  ["America/New_York", "2026-03-07T12:00:00Z"],
  ["America/New_York", "2026-10-31T12:00:00Z"],
  ["Australia/Lord_Howe", "2026-04-04T00:00:00Z"],
  ["Australia/Lord_Howe", "2026-10-03T00:00:00Z"],
  ["Asia/Kathmandu", "2026-05-05T00:00:00Z"],
];

describe.each(CHANGES)("in %s from %s", (zone, from) => {
  const minutes = localMinutes(zone, at(from), 3);
  const inWindow = (cron: string): readonly number[] => {
    const found: number[] = [];
    const last = minutes.at(-1)?.instant ?? 0;
    const after = cronTimes(cron, zone);
    for (let time = after(at(from) - 1); time !== null && time <= last; time = after(time)) found.push(time);
    return found;
  };
  const list = (max: number) => fc.uniqueArray(fc.nat(max), { minLength: 1, maxLength: 4 });

  test("a cron with a step or * is at every moment whose local time it matches", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.option(list(23), { nil: null }), (step, hours) => {
        const cron = `*/${step} ${hours === null ? "*" : hours.join(",")} * * *`;
        const expected = minutes.filter(({ hour, minute }) => minute % step === 0 && (hours?.includes(hour) ?? true));
        expect(inWindow(cron)).toEqual(expected.map(({ instant }) => instant));
      }),
      { numRuns: 40 },
    );
  });

  test("any other one is once for every local time there is on a day, at the first of two, and at the end of a gap", () => {
    // Those that are there from their first minute to their last.
    const days = [...Map.groupBy(minutes, ({ date }) => date).values()].slice(1, -1);
    expect(days.length).toBeGreaterThanOrEqual(2);
    fc.assert(
      fc.property(list(59), list(23), (wanted, hours) => {
        const found = new Set(inWindow(`${wanted.join(",")} ${hours.join(",")} * * *`));
        for (const day of days) {
          const expected = new Set(
            hours.flatMap((hour) =>
              wanted.map((minute) => {
                const isThere = day.find((local) => local.hour === hour && local.minute === minute);
                const isAfter = day.find((local) => local.hour * 60 + local.minute > hour * 60 + minute);
                return (isThere ?? isAfter)?.instant;
              }),
            ),
          );
          const [first = 0, last = 0] = [day[0]?.instant, day.at(-1)?.instant];
          expect([...found].filter((time) => time >= first && time <= last)).toEqual([...expected].toSorted((a, b) => (a ?? 0) - (b ?? 0)));
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe("an interval", () => {
  test("is counted from the beginning of 1970, or from where it starts", () => {
    expect(next(intervalTiming(15 * MINUTE), "2026-01-01T10:07:00Z", 2)).toEqual(["2026-01-01T10:15:00.000Z", "2026-01-01T10:30:00.000Z"]);
    const started = { ...intervalTiming(15 * MINUTE), startsAt: at("2026-01-01T12:03:00Z") };
    expect(next(started, "2026-01-01T10:07:00Z", 2)).toEqual(["2026-01-01T12:03:00.000Z", "2026-01-01T12:18:00.000Z"]);
    expect(next(started, "2026-01-01T12:03:00Z", 1)).toEqual(["2026-01-01T12:18:00.000Z"]);
  });

  test("that ends has no time at its end or after", () => {
    const ending = { ...intervalTiming(HOUR), endsAt: at("2026-01-01T12:00:00Z") };
    expect(next(ending, "2026-01-01T10:30:00Z", 5)).toEqual(["2026-01-01T11:00:00.000Z"]);
  });
});

describe("whatever the timing", () => {
  const moment = fc.integer({ min: at("2024-01-01T00:00:00Z"), max: at("2030-01-01T00:00:00Z") });

  test("going from time to time repeats none, and is within its bounds", () => {
    fc.assert(
      fc.property(timings, moment, (timing, after) => {
        const { startsAt, endsAt } = timing;
        let before = after;
        for (const time of listTimes(timesOf(timing, "s"), after, 20)) {
          expect(time).toBeGreaterThan(before);
          expect(startsAt === null || time >= startsAt).toBe(true);
          expect(endsAt === null || time < endsAt).toBe(true);
          before = time;
        }
      }),
    );
  });

  test("none lies between a moment and the next time, wherever one looks from", () => {
    fc.assert(
      fc.property(timings, moment, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (timing, after, share) => {
        const { next: nextTime } = timesOf(timing, "s");
        const time = nextTime(after);
        if (time === null) return;
        expect(nextTime(after + Math.floor(share * (time - after)))).toBe(time);
      }),
    );
  });

  test("a run starts at its time or later, before the next time, always at the same moment", () => {
    fc.assert(
      fc.property(timings, moment, fc.integer({ min: 1, max: 2 * DAY }), (timing, after, jitterMs) => {
        const times = timesOf({ ...timing, jitterMs }, "tenant/name");
        const again = timesOf({ ...timing, jitterMs }, "tenant/name");
        const listed = listTimes(times, after, 10);
        for (const [index, time] of listed.entries()) {
          const start = times.startOf(time);
          expect(start).toBe(again.startOf(time));
          expect(start).toBeGreaterThanOrEqual(time);
          expect(start - time).toBeLessThan(jitterMs);
          expect(start).toBeLessThan(listed[index + 1] ?? Number.POSITIVE_INFINITY);
        }
      }),
    );
  });

  test("the last time before a moment is found without going through all of them", () => {
    fc.assert(
      fc.property(timings, moment, fc.integer({ min: 0, max: 3 * DAY }), (timing, after, ms) => {
        const times = timesOf({ ...BOUNDLESS, ...timing }, "s");
        const until = after + ms;
        const last = lastTime(times, after, until);
        const following = times.next(last ?? after);
        expect(last === null || (last > after && last <= until && times.next(last - 1) === last)).toBe(true);
        expect(following === null || following > until).toBe(true);
        const started = lastStarted(times, after, until);
        expect(started === null || times.startOf(started) <= until).toBe(true);
        const notStarted = times.next(started ?? after);
        expect(notStarted === null || times.startOf(notStarted) > until).toBe(true);
      }),
    );
  });

  test("jitter tells schedules apart, and spreads them", () => {
    const starts = Array.from({ length: 200 }, (_, index) => {
      const { startOf } = timesOf({ ...cronTiming("0 2 * * *"), jitterMs: HOUR }, `tenant/schedule-${index}`);
      return startOf(at("2026-01-01T02:00:00Z")) - at("2026-01-01T02:00:00Z");
    });
    for (const quarter of [0, 1, 2, 3]) expect(starts.filter((ms) => Math.floor(ms / (HOUR / 4)) === quarter).length).toBeGreaterThan(30);
  });
});
