/** What was probably meant by a cron expression that cannot be: near ones that can, by how little they change. Pure. */
import { LIMITS } from "./limits.ts";
import { isoTime } from "../shared/time.ts";
import { brokenFields, CRON_FIELDS, cronFaults, cronFields, cronTimes, type CronField } from "./cron.ts";
import type { Timing } from "./schedule.ts";
import { listTimes, timesOf } from "./times.ts";

export interface Suggestion {
  readonly [field: string]: string | readonly string[];
  /** When it would run next. */
  readonly next: readonly string[];
}

const MINUTE = 1;
const DAY = 3;
const MONTH = 4;
const WEEKDAY = 5;
/** Where nothing better is known: every hour, every day. */
const PLAIN = ["0 * * * *", "0 0 * * *"];

/** Instead of a cron that cannot be read, or whose date does not exist. */
export function cronSuggestions(cron: string, timezone: string, now: number): readonly Suggestion[] {
  const fields = cronFields(cron);
  const isFaulty = cronFaults(cron).length > 0;
  const interval = fields === null ? null : asInterval(fields);
  if (interval !== null) return [{ every: interval.text, next: nextOf({ type: "interval", everyMs: interval.ms }, now) }];
  const candidates = fields === null ? refilled(cron) : isFaulty ? repaired(fields) : otherDates(fields);
  const near = runnable(candidates, timezone, now);
  return (near.length === 0 ? PLAIN : near).map((text) => suggestedCron(text, timezone, now));
}

export function suggestedCron(cron: string, timezone: string, now: number): Suggestion {
  return { cron, next: nextOf({ type: "cron", cron, timezone }, now) };
}

/** Coming times as they are written. */
function nextOf(when: { type: "cron"; cron: string; timezone: string } | { type: "interval"; everyMs: number }, now: number) {
  const timing: Timing = { ...when, startsAt: null, endsAt: null, jitterMs: 0 };
  return listTimes(timesOf(timing, ""), now, LIMITS.suggestionTimes).map(isoTime);
}

/** The first few that can be read and have a time. */
function runnable(candidates: readonly string[], timezone: string, now: number): readonly string[] {
  const found: string[] = [];
  for (const cron of candidates) {
    if (found.length >= LIMITS.suggestions) break;
    if (!found.includes(cron) && cronFaults(cron).length === 0 && cronTimes(cron, timezone)(now) !== null) found.push(cron);
  }
  return found;
}

/** Too few fields, or too many: as if the last ones were missing, or a year had been given. */
function refilled(cron: string): readonly string[] {
  const parts = cron
    .trim()
    .split(/\s+/)
    .filter((part) => part !== "");
  if (parts.length < 2 || parts.length > 7) return [];
  if (parts.length === 7) return [written(parts.slice(0, 6))];
  const filled = ["0", ...parts, ...Array.from({ length: 5 - parts.length }, () => "*")];
  const broken = brokenFields(filled);
  return broken.length === 0 ? [written(filled)] : repaired(filled);
}

/** The date does not exist: the last day of the month, the last one that there is, any month, any day of the week. */
function otherDates(fields: readonly string[]): readonly string[] {
  const weekday = fields[WEEKDAY] as string;
  const edits: readonly (readonly [number, string])[] = [
    [DAY, "L"],
    [DAY, "30"],
    [DAY, "29"],
    [DAY, "28"],
    [MONTH, "*"],
    [WEEKDAY, weekday.replace("+", "")],
    [WEEKDAY, "*"],
    [DAY, "*"],
  ];
  return edits.map(([index, field]) => written(fields.with(index, field)));
}

/** Each field that cannot be read as what it probably should be; what is likelier comes first. */
function repaired(fields: readonly string[]): readonly string[] {
  const broken = brokenFields(fields);
  const choices = fields.map((field, index) => (broken.includes(index) ? repairsOf(field, index) : [field]));
  const most = Math.max(...choices.map(({ length }) => length));
  return Array.from({ length: most }, (_, nth) => written(choices.map((each) => each[Math.min(nth, each.length - 1)] as string)));
}

function repairsOf(field: string, index: number): readonly string[] {
  const kind = CRON_FIELDS[index] as CronField;
  const named = field.replaceAll(/[A-Za-z]+/g, (word) => nameIn(word, kind) ?? word);
  const parts = named.split(",").filter((part) => part !== "");
  const least = index <= MINUTE ? "0" : "*";
  return [wrapped, clamped]
    .map((fit) => parts.map((part) => repairedPart(part, kind, fit)).join(","))
    .concat(least)
    .filter((repair) => brokenFields(CRON_FIELDS.map((_, at) => (at === index ? repair : "*"))).length === 0);
}

/** One of the parts between commas. */
function repairedPart(part: string, kind: CronField, fit: (value: number, kind: CronField) => number): string {
  const [range = "", step] = part.split("/");
  const [from = "", to] = range.split("-").map((word) => (/^\d+$/.test(word) ? String(fit(Number(word), kind)) : word));
  if (step === "0") return range;
  if (step !== undefined && to === undefined && from !== "*") return `${from}-${kind.max}/${step}`;
  if (to === undefined) return step === undefined ? from : `${from}/${Math.min(Number(step), kind.max)}`;
  const [first, last] = [numberOf(from, kind), numberOf(to, kind)];
  if (first > last) return `${first}-${kind.max},${kind.min}-${last}`;
  const ranged = first === last ? from : `${from}-${to}`;
  return step === undefined ? ranged : `${ranged}/${step}`;
}

/** Of a number, or of a name. */
function numberOf(word: string, { min, names }: CronField): number {
  const index = names.indexOf(word);
  return index === -1 ? Number(word) : index + min;
}

/** One past the end is the beginning: hour 24, minute 60. */
function wrapped(value: number, kind: CronField): number {
  return value === kind.max + 1 && kind.min === 0 ? kind.min : clamped(value, kind);
}

function clamped(value: number, { min, max }: CronField): number {
  return Math.min(Math.max(value, min), max);
}

function nameIn(word: string, { names }: CronField): string | undefined {
  return names.find((name) => word.toUpperCase().startsWith(name));
}

/** A step that no field has room for is an interval: every 90 minutes. */
function asInterval(fields: readonly string[]): { readonly text: string; readonly ms: number } | null {
  const UNITS = [
    ["s", 1_000, 60],
    ["m", 60_000, 60],
    ["h", 3_600_000, 24],
  ] as const;
  for (const [index, [unit, unitMs, size]] of UNITS.entries()) {
    const step = Number(/^\*\/(\d{1,4})$/.exec(fields[index] as string)?.[1] ?? 0);
    if (step >= size && fields.slice(index + 1).every((field) => field === "*")) return { text: `${step}${unit}`, ms: step * unitMs };
  }
  return null;
}

/** Without seconds where they are those of every minute. */
function written(fields: readonly string[]): string {
  return (fields[0] === "0" ? fields.slice(1) : fields).join(" ");
}
