/** What is refused of a timing: what cannot be read, and what has no time. Each with what would do. Pure. */
import { rejection, rejectionOf, type Fault, type Rejection } from "../shared/errors.ts";
import { isoTime } from "../shared/time.ts";
import { cronFaults, cronTimes } from "./cron.ts";
import type { Timing } from "./schedule.ts";
import { cronSuggestions, suggestedCron, type Suggestion } from "./suggestions.ts";
import { isTimeZone, nearestTimeZone } from "./time-zones.ts";
import { timesOf } from "./times.ts";

/** Of a cron and its zone; `null` when it has times. Whether they are within its bounds is another matter. */
export function timingRefusal(timing: Timing, now: number): Rejection | null {
  if (timing.type === "interval") return null;
  const { cron, timezone } = timing;
  const isKnown = isTimeZone(timezone);
  const inZone = isKnown ? timezone : "UTC";
  const faults = cronFaults(cron).map((message): Fault => ({ pointer: "/cron", message, code: "invalid_schedule" }));
  const isReadable = faults.length === 0;
  if (isReadable && cronTimes(cron, inZone)(now) === null) {
    faults.push({ pointer: "/cron", message: `"${cron}" never runs: there is no such date`, code: "invalid_schedule" });
  }
  const suggestions: Suggestion[] = faults.length === 0 ? [] : [...cronSuggestions(cron, inZone, now)];
  if (!isKnown) {
    const meant = nearestTimeZone(timezone);
    const hint = meant === null ? 'expected a name such as "Europe/Ljubljana" or "UTC"' : `did you mean "${meant}"?`;
    faults.push({ pointer: "/timezone", message: `"${timezone}" is no time zone; ${hint}`, code: "invalid_schedule" });
    if (suggestions.length === 0) suggestions.push({ timezone: meant ?? "UTC", ...suggestedCron(cron, meant ?? "UTC", now) });
  }
  return faults.length === 0 ? null : refused(faults, suggestions);
}

/** Where the bounds leave no time any more. */
export function boundsRefusal(timing: Timing, now: number): Rejection | null {
  const { endsAt, startsAt } = timing;
  if (endsAt === null || timesOf(timing, "").next(now) !== null) return null;
  const first = timesOf({ ...timing, endsAt: null }, "").next(now);
  const bound = startsAt !== null && startsAt > now ? "starts_at" : "now";
  const hint = first === null ? "" : `; the first time after ${bound} is ${isoTime(first)}`;
  const message = `there is no time before ${isoTime(endsAt)}${hint}`;
  return rejectionOf([{ pointer: "/ends_at", message, code: "invalid_schedule" }], "invalid_schedule");
}

function refused(faults: readonly Fault[], suggestions: readonly Suggestion[]): Rejection {
  const { code, detail } = rejectionOf(faults, "invalid_schedule");
  const instead = faults[0]?.pointer === "/cron" ? (suggestions[0]?.["cron"] ?? suggestions[0]?.["every"]) : undefined;
  const hint = instead === undefined ? "" : `; for example, "${String(instead)}" would do`;
  return rejection(code, detail + hint, { faults, facts: { suggestions } });
}
