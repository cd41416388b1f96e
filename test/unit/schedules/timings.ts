/** Timings of all kinds. */
import fc from "fast-check";
import type { Timing } from "../../../src/schedules/schedule.ts";

export const BOUNDLESS = { startsAt: null, endsAt: null, jitterMs: 0 };

export function cronTiming(cron: string, timezone = "UTC"): Timing {
  return { type: "cron", cron, timezone, ...BOUNDLESS };
}

export function intervalTiming(everyMs: number): Timing {
  return { type: "interval", everyMs, ...BOUNDLESS };
}

const ZONES = ["UTC", "Europe/Ljubljana", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"];
const CRONS = [
  "* * * * * *",
  "*/7 * * * * *",
  "0 * * * *",
  "*/13 */5 * * *",
  "30 2 * * *",
  "15,45 1-3 * * MON-FRI",
  "0 0 L * *",
  "0 12 29 2 *",
  "59 23 31 12 *",
  "0 9 * * MON#2",
];

const bound = fc.option(fc.integer({ min: Date.parse("2024-06-01T00:00:00Z"), max: Date.parse("2028-06-01T00:00:00Z") }), {
  nil: null,
  freq: 2,
});

export const timings: fc.Arbitrary<Timing> = fc
  .tuple(
    fc.oneof(
      fc.record({ type: fc.constant("cron" as const), cron: fc.constantFrom(...CRONS), timezone: fc.constantFrom(...ZONES) }),
      fc.record({ type: fc.constant("interval" as const), everyMs: fc.integer({ min: 1_000, max: 40 * 24 * 3_600_000 }) }),
    ),
    bound,
    bound,
    fc.constantFrom(0, 0, 5_000, 3_600_000),
  )
  .map(([when, startsAt, endsAt, jitterMs]) => ({ ...when, startsAt, endsAt, jitterMs }));
