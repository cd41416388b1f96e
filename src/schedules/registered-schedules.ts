/** The schedules of a tenant as records of a file: what their objects say, and what makes such an object again. */
import { z } from "zod";
import { faultsOf } from "../language/compile.ts";
import { identifier } from "../language/definition-words.ts";
import { changesInFile, exported, momentInFile, registeredKind, type RegisteredKind } from "../records/registered.ts";
import type { Fault } from "../shared/errors.ts";
import type { Keyring } from "../shared/keyring.ts";
import { submission } from "../tasks/routes/task-schemas.ts";
import { timingRefusal } from "./check.ts";
import { LIMITS } from "./limits.ts";
import { restoreSchedule } from "./operations.ts";
import { OVERLAP, type ScheduleCopy } from "./schedule.ts";
import { openedTask, secretPlace } from "./scheduled-task.ts";
import type { ScheduleServices } from "./services.ts";

const bounds = { startsAt: momentInFile.nullable(), endsAt: momentInFile.nullable(), jitterMs: z.number().min(0).max(LIMITS.durationMs) };
const timing = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("cron"),
    cron: z.string().max(LIMITS.cronLength),
    timezone: z.string().max(LIMITS.timeZoneLength),
    ...bounds,
  }),
  z.strictObject({ type: z.literal("interval"), everyMs: z.number().min(LIMITS.scheduleEveryMs).max(LIMITS.durationMs), ...bounds }),
]);
const catchUp = z.union([
  z.strictObject({ type: z.enum(["none", "one", "all"]) }),
  z.strictObject({ type: z.literal("within"), ms: z.number().min(0).max(LIMITS.durationMs) }),
]);

/** PERSISTED in files. The secret of the task's webhook is sealed as it is in the object. */
const scheduleInFile = z.strictObject({
  name: identifier,
  timing,
  overlap: z.enum(OVERLAP),
  catch_up: catchUp,
  description: z.string().max(LIMITS.textLength).nullable(),
  task_type: z.string().max(LIMITS.textLength).nullable(),
  /** JSON: the body of a submission. */
  task: z.string().max(2 * LIMITS.scheduleBytes),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  origin: z.url().max(LIMITS.urlLength),
  paused: z.strictObject({ since: momentInFile, reason: z.string().max(LIMITS.textLength).nullable() }).nullable(),
  ...changesInFile,
});
type ScheduleInFile = z.infer<typeof scheduleInFile>;

export function registeredSchedules(services: ScheduleServices): RegisteredKind {
  const { schedules, scheduleList, config } = services;
  return registeredKind<ScheduleInFile>({
    name: "schedule",
    schema: scheduleInFile,
    nameOf: ({ name }) => name,
    exportPage: async (tenant, after, limit) => {
      const heads = await scheduleList.page(tenant, after, limit);
      const copies = await Promise.all(heads.map(({ name }) => schedules.ask({ tenant, schedule: name }, (object) => object.copy())));
      const { next } = exported(heads, limit, ({ name }) => name, String);
      // One that the list still has may have been deleted just now.
      return { records: copies.flatMap((copy) => (copy === null ? [] : [inFile(copy)])), next };
    },
    secretsOf: (tenant, { name, task }) => {
      const sealed = sealedIn(task);
      return sealed === null ? [] : [{ at: "/task/webhook/secret", sealed, place: secretPlace(tenant, name) }];
    },
    faultsOf: (tenant, record) => faultsIn(tenant, record, config.keyring),
    restore: (actor, record, overwrites) => restoreSchedule(actor, services, fromFile(record), overwrites),
    settle: async () => {},
  });
}

/** As far as they follow from the schedule alone: the workflows and agents that its task names may come later. */
function faultsIn(tenant: string, { name, timing: when, task }: ScheduleInFile, keyring: Keyring): readonly Fault[] {
  const ofTiming = (timingRefusal(when, Date.now())?.faults ?? []).map((fault) => ({ ...fault, pointer: `/timing${fault.pointer}` }));
  if (jsonIn(task) === null) return [...ofTiming, { pointer: "/task", message: "is no JSON", code: "invalid_request" }];
  const parsed = submission.safeParse(openedTask(task, keyring, tenant, name));
  return parsed.success ? ofTiming : [...ofTiming, ...faultsOf(parsed.error, "/task")];
}

function sealedIn(task: string): string | null {
  const webhook = jsonIn(task)?.["webhook"];
  const secret = typeof webhook === "object" && webhook !== null && "secret" in webhook ? webhook.secret : null;
  return typeof secret === "string" ? secret : null;
}

function jsonIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}

function inFile({ head, ...copy }: ScheduleCopy): ScheduleInFile {
  const { v: _, catchUp: lateTimes, taskType, createdAt, createdBy, updatedAt, updatedBy, ...rest } = head;
  return {
    ...rest,
    ...copy,
    catch_up: lateTimes,
    task_type: taskType,
    created_at: createdAt,
    created_by: createdBy ?? null,
    updated_at: updatedAt,
    updated_by: updatedBy ?? null,
  };
}

function fromFile({ task, fingerprint, origin, ...rest }: ScheduleInFile): ScheduleCopy {
  const { catch_up, task_type, created_at, created_by, updated_at, updated_by, ...head } = rest;
  return {
    head: {
      v: 1,
      ...head,
      catchUp: catch_up,
      taskType: task_type,
      createdAt: created_at,
      updatedAt: updated_at,
      ...(created_by && { createdBy: created_by }),
      ...(updated_by && { updatedBy: updated_by }),
    },
    task,
    fingerprint,
    origin,
  };
}
