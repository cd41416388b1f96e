/** Cron expressions: five fields, or six with seconds first, or a nickname such as `@daily`. */
import { Cron } from "croner";

/** The first time after a moment, in milliseconds; `null` when there is none. */
export type NextTime = (after: number) => number | null;

export interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** What the numbers may be called, from `min` on. */
  readonly names: readonly string[];
}

export const CRON_FIELDS: readonly CronField[] = [
  { name: "second", min: 0, max: 59, names: [] },
  { name: "minute", min: 0, max: 59, names: [] },
  { name: "hour", min: 0, max: 23, names: [] },
  { name: "day of the month", min: 1, max: 31, names: [] },
  { name: "month", min: 1, max: 12, names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] },
  { name: "day of the week", min: 0, max: 7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
];

const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/i;

/**
 * The times of an expression that has no fault. Where clocks change they are as Vixie cron has them: what has no `*` and
 * no step runs once, at the first of two equal times, or at the end of the gap its time fell into; what has one runs at
 * every moment whose local time it matches.
 */
export function cronTimes(cron: string, timezone: string): NextTime {
  const compiled = new Cron(cron.trim(), { timezone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
  // Its times are whole seconds, and so must be where it starts to look.
  return (after) => compiled.nextRun(new Date(Math.floor(after / 1_000) * 1_000))?.getTime() ?? null;
}

/** The six fields of an expression, or `null` where it has another number of them. */
export function cronFields(cron: string): readonly string[] | null {
  const parts = cron.trim().split(/\s+/);
  if (parts.length === 5) return ["0", ...parts];
  return parts.length === 6 ? parts : null;
}

/** What is wrong with an expression, in words; empty where nothing is. That it has a time at all is another matter. */
export function cronFaults(cron: string): readonly string[] {
  if (NICKNAME.test(cron.trim())) return [];
  const fields = cronFields(cron);
  if (fields === null) {
    const count = cron.trim() === "" ? 0 : cron.trim().split(/\s+/).length;
    return [`expected 5 fields (minute, hour, day, month, day of the week), or 6 with seconds first, or @daily and the like; got ${count}`];
  }
  return brokenFields(fields).map((index) => {
    const { name, min, max, names } = CRON_FIELDS[index] as CronField;
    const words = names.length === 0 ? "" : `, ${names[0]}–${names.at(-1)}`;
    return `"${fields[index]}" is no ${name}: expected ${min}–${max}${words}, with * , - and /`;
  });
}

/** The places of fields that cannot be read, each looked at on its own. */
export function brokenFields(fields: readonly string[]): readonly number[] {
  return CRON_FIELDS.flatMap((_, index) => {
    const alone = CRON_FIELDS.map((__, other) => (other === index ? (fields[index] as string) : "*")).join(" ");
    return isReadable(alone) ? [] : [index];
  });
}

function isReadable(cron: string): boolean {
  try {
    // Not looked into any further: nothing is scheduled by making one.
    return new Cron(cron, { timezone: "UTC", mode: "6-part" }).getPattern() !== undefined;
  } catch {
    return false;
  }
}
