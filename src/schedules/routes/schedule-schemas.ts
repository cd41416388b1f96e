/** What schedules look like on the wire, in both directions. */
import { z } from "@hono/zod-openapi";
import { registeredBy } from "../../http/by.ts";
import { moment, positiveDuration } from "../../language/definition-words.ts";
import { RUN_OUTCOMES, type LoggedRun } from "../run-entry.ts";
import { OVERLAP, type CatchUp, type ScheduleHead, type Timing } from "../schedule.ts";
import type { ScheduleReading } from "../schedule-contract.ts";
import { jitterSeed } from "../time-settler.ts";
import { listTimes, timesOf } from "../times.ts";
import { LIMITS } from "../limits.ts";
import { durationMs, durationText, isoTime, parseDuration } from "../../shared/time.ts";
import { shownTask } from "../scheduled-task.ts";
import { submission } from "../../tasks/routes/task-schemas.ts";

const catchUp = z.union([z.enum(["none", "one", "all"]), z.strictObject({ within: positiveDuration })], {
  error: 'expected "none", "one", "all" or {"within": "1h"}',
});

export const newSchedule = z
  .strictObject({
    cron: z
      .string()
      .max(LIMITS.cronLength)
      .optional()
      .openapi({ description: "Minute, hour, day, month, day of the week; six fields begin with seconds", example: "0 2 * * *" }),
    every: positiveDuration
      .refine((text) => (parseDuration(text) ?? 0) >= LIMITS.scheduleEveryMs, "the shortest interval is 1s")
      .optional()
      .openapi({ description: "Instead of a cron: counted from `starts_at`, else from the beginning of 1970, UTC", example: "15m" }),
    timezone: z
      .string()
      .min(1)
      .max(LIMITS.timeZoneLength)
      .optional()
      .openapi({ description: "Of the cron; `UTC` unless said otherwise", example: "Europe/Ljubljana" }),
    task: submission
      .refine(({ deadline }) => deadline === undefined || parseDuration(deadline) !== null, {
        path: ["deadline"],
        error: 'expected a duration such as "10m": every run has its own deadline',
      })
      .refine(({ debounce }) => debounce === undefined, { path: ["debounce"], error: "every run is a task of its own" })
      .openapi("TaskSubmission"),
    overlap: z.enum(OVERLAP).optional().openapi({ description: "What a run does while an earlier one has not ended: `skip` by default" }),
    catch_up: catchUp.optional().openapi({ description: "What becomes of times that were missed by more than 10 s: `one` by default" }),
    jitter: positiveDuration.optional().openapi({ description: "A run starts up to this much later, always at the same moment" }),
    starts_at: moment.optional(),
    ends_at: moment.optional().openapi({ description: "Times are before it" }),
    paused: z.boolean().optional().openapi({ description: "Absent: as it is" }),
    description: z.string().max(LIMITS.textLength).optional(),
  })
  .superRefine((body, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if (body.cron === undefined && body.every === undefined) refuse("cron", 'expected a "cron" or "every"');
    if (body.cron !== undefined && body.every !== undefined) refuse("every", 'expected a "cron" or "every", not both');
    if (body.timezone !== undefined && body.cron === undefined) refuse("timezone", "only a cron has a time zone");
    if (body.starts_at !== undefined && body.ends_at !== undefined && Date.parse(body.starts_at) >= Date.parse(body.ends_at))
      refuse("ends_at", "expected a time after starts_at");
  })
  .openapi("NewSchedule", { example: { cron: "0 2 * * *", timezone: "Europe/Ljubljana", task: { type: "study", input: {} } } });
export type NewSchedule = z.infer<typeof newSchedule>;

const time = z.iso.datetime();
const times = z.array(time).readonly();

export const scheduleSummary = z
  .object({
    name: z.string(),
    cron: z.string().nullable(),
    timezone: z.string().nullable(),
    every: z.string().nullable(),
    task_type: z.string().nullable().openapi({ description: "`null` where its tasks bring a workflow of their own" }),
    overlap: z.enum(OVERLAP),
    catch_up: z.union([z.enum(["none", "one", "all"]), z.object({ within: z.string() })]),
    jitter: z.string().nullable(),
    starts_at: time.nullable(),
    ends_at: time.nullable(),
    description: z.string().nullable(),
    status: z.enum(["active", "paused", "ended"]),
    paused_since: time.nullable(),
    pause_reason: z.string().nullable(),
    next_at: time.nullable().openapi({ description: "The next time; `null` while it is paused" }),
    created_at: time,
    updated_at: time,
    ...registeredBy,
  })
  .openapi("ScheduleSummary");

const runningTask = z.object({ scheduled_at: time, task_id: z.string() });

export const schedule = scheduleSummary
  .extend({
    task: z.record(z.string(), z.unknown()).openapi({ description: "As it was put, without the secret of its webhook" }),
    next: times.openapi({ description: "Coming times, as many as `count` says; of a paused schedule, if it went on now" }),
    running: z.array(runningTask).readonly().openapi({ description: "Tasks that are not known to have ended" }),
    waiting: z.object({ scheduled_at: time, since: time }).nullable().openapi({ description: "The run that starts when they have" }),
  })
  .openapi("Schedule");

const reason = z.object({ code: z.string(), message: z.string() });

export const scheduleRun = z
  .object({
    scheduled_at: time,
    until: time.openapi({ description: "The last of several times in a row that came to the same; else as `scheduled_at`" }),
    count: z.int().openapi({ description: "How many times" }),
    at_least: z.literal(true).optional().openapi({ description: "There may be more of them than were counted" }),
    outcome: z.enum(RUN_OUTCOMES),
    task_id: z.string().nullable(),
    reason: reason.nullable(),
    triggered: z.boolean().openapi({ description: "By hand" }),
    recorded_at: time.openapi({ description: "When the task had been started, or it was known that none would be" }),
  })
  .openapi("ScheduleRun");

export const triggeredRun = z
  .object({
    scheduled_at: time,
    outcome: z
      .enum(["started", "waiting", "starting"])
      .openapi({ description: "`starting`: it will be; others come first, or something did not answer yet" }),
    task_id: z.string().nullable(),
  })
  .openapi("TriggeredRun");

export function timingOf({ cron, every, timezone, starts_at, ends_at, jitter }: NewSchedule): Timing {
  return {
    ...(cron === undefined
      ? { type: "interval", everyMs: durationMs(every ?? "") }
      : { type: "cron", cron: cron.trim(), timezone: timezone ?? "UTC" }),
    startsAt: starts_at === undefined ? null : Date.parse(starts_at),
    endsAt: ends_at === undefined ? null : Date.parse(ends_at),
    jitterMs: jitter === undefined ? 0 : durationMs(jitter),
  };
}

export function catchUpOf({ catch_up: given = "one" }: NewSchedule): CatchUp {
  return typeof given === "string" ? { type: given } : { type: "within", ms: durationMs(given.within) };
}

export function summaryBody(tenant: string, head: ScheduleHead, now: number): z.infer<typeof scheduleSummary> {
  const { timing, paused, catchUp } = head;
  const nextAt = timesOf(timing, jitterSeed(tenant, head.name)).next(now);
  return {
    name: head.name,
    cron: timing.type === "cron" ? timing.cron : null,
    timezone: timing.type === "cron" ? timing.timezone : null,
    every: timing.type === "interval" ? durationText(timing.everyMs) : null,
    task_type: head.taskType,
    overlap: head.overlap,
    catch_up: catchUp.type === "within" ? { within: durationText(catchUp.ms) } : catchUp.type,
    jitter: timing.jitterMs === 0 ? null : durationText(timing.jitterMs),
    starts_at: timeOrNull(timing.startsAt),
    ends_at: timeOrNull(timing.endsAt),
    description: head.description,
    status: nextAt === null ? "ended" : paused === null ? "active" : "paused",
    paused_since: timeOrNull(paused?.since ?? null),
    pause_reason: paused?.reason ?? null,
    next_at: paused === null ? timeOrNull(nextAt) : null,
    created_at: isoTime(head.createdAt),
    updated_at: isoTime(head.updatedAt),
    created_by: head.createdBy ?? null,
    updated_by: head.updatedBy ?? null,
  };
}

export function scheduleBody(
  tenant: string,
  { head, task, progress }: ScheduleReading,
  count: number,
  now: number,
): z.infer<typeof schedule> {
  const { running, waiting } = progress;
  return {
    ...summaryBody(tenant, head, now),
    task: shownTask(task),
    next: listTimes(timesOf(head.timing, jitterSeed(tenant, head.name)), now, count).map(isoTime),
    running: running.map(({ at, task: id }) => ({ scheduled_at: isoTime(at), task_id: id })),
    waiting: waiting && { scheduled_at: isoTime(waiting.at), since: isoTime(waiting.since) },
  };
}

export function runBody({ at, until, count, isMore, outcome, task, reason: why, key, recordedAt }: LoggedRun): z.infer<typeof scheduleRun> {
  return {
    scheduled_at: isoTime(at),
    until: isoTime(until),
    count,
    ...(isMore && { at_least: true as const }),
    outcome,
    task_id: task,
    reason: why,
    triggered: key !== null,
    recorded_at: isoTime(recordedAt),
  };
}

function timeOrNull(at: number | null): string | null {
  return at === null ? null : isoTime(at);
}
