/** `/schedules`: tasks that are submitted again and again, when they are, and what became of that. */
import { z } from "@hono/zod-openapi";
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { identifier } from "../../language/definition-words.ts";
import { timingRefusal } from "../check.ts";
import { RUN_OUTCOMES } from "../run-entry.ts";
import type { ScheduleDraft } from "../schedule.ts";
import type { ScheduleContract, ScheduleReading, TriggeredRun } from "../schedule-contract.ts";
import { rejection, isRejectionCode, rejectionOf, type Rejection } from "../../shared/errors.ts";
import { canonicalJson, pointer, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { isoTime } from "../../shared/time.ts";
import { YAML_TYPES } from "../../http/body.ts";
import { etag, expectedRevision } from "../../http/etag.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import {
  catchUpOf,
  newSchedule,
  runBody,
  schedule,
  scheduleBody,
  scheduleRun,
  scheduleSummary,
  summaryBody,
  timingOf,
  triggeredRun,
  type NewSchedule,
} from "./schedule-schemas.ts";
import { askSchedule, deleteSchedule, pauseSchedule, putSchedule, resumeSchedule, triggerSchedule } from "../operations.ts";
import { keptTask } from "../scheduled-task.ts";
import { submissionRefusal } from "../../tasks/operations/submit.ts";
import type { ScheduleServices } from "../services.ts";

const params = z.object({ name: z.string() });
const scheduleContent = {
  "application/json": { schema: newSchedule },
  ...Object.fromEntries(YAML_TYPES.map((type) => [type, { schema: newSchedule }])),
};

const putRoute = defineRoute({
  method: "put",
  path: "/schedules/{name}",
  operationId: "putSchedule",
  summary: "Make or replace a schedule",
  description:
    "The task is checked as if it were submitted. A schedule that is replaced goes on from now on; what it is starting is started, what it missed is not made up for by the new times. A cron that never runs is refused, with near ones that do.",
  access: putSchedule.scope,
  maxBodyBytes: LIMITS.scheduleBytes,
  request: { params: z.object({ name: identifier }), body: { required: true, content: scheduleContent } },
  responses: { 200: json(schedule, "The replaced schedule, or the same"), 201: json(schedule, "The new schedule") },
});
const listRoute = defineRoute({
  method: "get",
  path: "/schedules",
  operationId: "listSchedules",
  summary: "List schedules",
  description: "By name.",
  access: "schedules:read",
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(scheduleSummary), "A page of schedules, in the order of their names") },
});
const readRoute = defineRoute({
  method: "get",
  path: "/schedules/{name}",
  operationId: "getSchedule",
  summary: "Read a schedule with its coming times",
  description: "With its next times, in its time zone and in UTC.",
  access: "schedules:read",
  request: {
    params,
    query: z.strictObject({
      count: z.coerce
        .number()
        .int()
        .min(0)
        .max(LIMITS.scheduleNextMax)
        .default(LIMITS.scheduleNext)
        .openapi({ type: "integer", description: "How many of its coming times" }),
    }),
  },
  responses: { 200: json(schedule, "The schedule") },
});
const deleteRoute = defineRoute({
  method: "delete",
  path: "/schedules/{name}",
  operationId: "deleteSchedule",
  summary: "Delete a schedule with its runs",
  description: "Tasks that it has started go on.",
  access: deleteSchedule.scope,
  request: { params },
  responses: { 204: { description: "Deleted" } },
});
const pauseRoute = defineRoute({
  method: "post",
  path: "/schedules/{name}/pause",
  operationId: "pauseSchedule",
  summary: "Pause a schedule",
  description: "Its times pass without a run, and are not caught up with. Tasks that it has started go on.",
  access: pauseSchedule.scope,
  request: {
    params,
    body: { content: { "application/json": { schema: z.strictObject({ reason: z.string().max(LIMITS.textLength).optional() }) } } },
  },
  responses: { 200: json(schedule, "The schedule") },
});
const resumeRoute = defineRoute({
  method: "post",
  path: "/schedules/{name}/resume",
  operationId: "resumeSchedule",
  summary: "Let a paused schedule go on",
  description: "Its times count again from now on.",
  access: resumeSchedule.scope,
  request: { params, body: { content: { "application/json": { schema: z.strictObject({}) } } } },
  responses: { 200: json(schedule, "The schedule") },
});
const triggerRoute = defineRoute({
  method: "post",
  path: "/schedules/{name}/trigger",
  operationId: "triggerSchedule",
  summary: "Run a schedule now",
  description:
    "Beside its times, and also while it is paused. Its `overlap` applies unless `overlap` says `allow`. With an `Idempotency-Key` it runs once.",
  access: triggerSchedule.scope,
  request: {
    params,
    headers: z.object({ "idempotency-key": z.string().min(1).max(LIMITS.idempotencyKeyLength).optional() }),
    body: { content: { "application/json": { schema: z.strictObject({ overlap: z.literal("allow").optional() }) } } },
  },
  responses: { 202: json(triggeredRun, "The run") },
});
const runsRoute = defineRoute({
  method: "get",
  path: "/schedules/{name}/runs",
  operationId: "listScheduleRuns",
  summary: "List what became of a schedule's times",
  description: "The last thousand entries. Times in a row that came to the same are one.",
  access: "schedules:read",
  request: { params, query: z.strictObject({ ...pageQuery, outcome: z.enum(RUN_OUTCOMES).optional() }) },
  responses: { 200: json(pageOf(scheduleRun), "Newest first") },
});

export const scheduleRoutes = createRouter<ScheduleServices>()
  .openapi(putRoute, async (c) => {
    const { name } = c.req.valid("param");
    const draft = await draftOf(c, name, c.req.valid("json"));
    const put = accepted(await putSchedule(c.var.principal, c.var.services, name, draft, expectedRevision(c)));
    if (put.isNew) c.header("Location", `/api/v1/schedules/${name}`);
    return c.json(body(c, put), put.isNew ? 201 : 200);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const { tenant } = c.var.principal;
    const heads = await c.var.services.scheduleList.page(tenant, readCursor(c, cursor, z.string()), limit + 1);
    const { data, next_cursor } = page(c, heads, limit, ({ name }) => name);
    const now = Date.now();
    return c.json({ data: data.map((head) => summaryBody(tenant, head, now)), next_cursor }, 200);
  })
  .openapi(readRoute, async (c) =>
    c.json(body(c, await ask(c, c.req.valid("param").name, (object) => object.read()), c.req.valid("query").count), 200),
  )
  .openapi(deleteRoute, async (c) => {
    accepted(await deleteSchedule(c.var.principal, c.var.services, c.req.valid("param").name, expectedRevision(c)));
    return c.body(null, 204);
  })
  .openapi(pauseRoute, async (c) => {
    const { reason = null } = c.req.valid("json");
    return c.json(body(c, accepted(await pauseSchedule(c.var.principal, c.var.services, c.req.valid("param").name, reason))), 200);
  })
  .openapi(resumeRoute, async (c) =>
    c.json(body(c, accepted(await resumeSchedule(c.var.principal, c.var.services, c.req.valid("param").name))), 200),
  )
  .openapi(triggerRoute, async (c) => {
    const { name } = c.req.valid("param");
    // A request that got lost on the way to the schedule and is sent again there counts once as well.
    const key = c.req.valid("header")["idempotency-key"] ?? c.get("requestId");
    const overlaps = c.req.valid("json").overlap === "allow";
    const run = accepted(await triggerSchedule(c.var.principal, c.var.services, name, key, overlaps));
    return c.json(triggeredBody(run), 202);
  })
  .openapi(runsRoute, async (c) => {
    const { limit, cursor, outcome } = c.req.valid("query");
    const before = readCursor(c, cursor, z.int());
    const runs = await ask(c, c.req.valid("param").name, (object) => object.runs(outcome, before, limit + 1));
    const { data, next_cursor } = page(c, runs, limit, ({ seq }) => seq);
    return c.json({ data: data.map(runBody), next_cursor }, 200);
  });

async function draftOf(c: Context<Api<ScheduleServices>>, name: string, given: NewSchedule): Promise<Omit<ScheduleDraft, "by">> {
  const { services, principal } = c.var;
  const { tenant } = principal;
  const timing = timingOf(given);
  const refused = timingRefusal(timing, Date.now());
  if (refused !== null) throw new Refused(refused);
  const origin = new URL(c.req.url).origin;
  const { task, paused = null, ...rest } = given;
  const taskRefused = await submissionRefusal(principal, services, task, origin);
  if (taskRefused !== null) throw new Refused(ofTask(taskRefused));
  return {
    timing,
    overlap: given.overlap ?? "skip",
    catchUp: catchUpOf(given),
    description: given.description ?? null,
    taskType: task.type ?? null,
    task: keptTask(task, services.config.keyring, tenant, name),
    paused,
    fingerprint: createHash("sha256")
      .update(canonicalJson({ ...rest, task } as unknown as Json))
      .digest("hex"),
    origin,
  };
}

/** A refusal of the task, with its place in the schedule. */
function ofTask(refused: Rejection): Rejection {
  const faults = (refused.faults ?? []).map((fault) => ({ ...fault, pointer: pointer("task") + fault.pointer }));
  return faults.length === 0 ? refused : { ...refused, detail: rejectionOf(faults, refused.code).detail, faults };
}

async function ask<T>(
  c: Context<Api<ScheduleServices>>,
  name: string,
  question: (object: ScheduleContract) => Promise<T | null>,
): Promise<T> {
  return accepted(await askSchedule(c.var.principal, c.var.services, name, question));
}

function body(c: Context<Api<ScheduleServices>>, reading: ScheduleReading, count: number = LIMITS.scheduleNext) {
  c.header("ETag", etag(reading.head.revision));
  return scheduleBody(c.var.principal.tenant, reading, count, Date.now());
}

/** Who asks for a run and gets none is told why, as if it had been a submission. */
function triggeredBody({ at, outcome, task, reason }: TriggeredRun): z.infer<typeof triggeredRun> {
  if (outcome === "failed" || outcome === "skipped" || outcome === "missed") {
    const code = outcome === "failed" && reason !== null && isRejectionCode(reason.code) ? reason.code : "run_overlaps";
    throw new Refused(rejection(code, reason?.message ?? "It was not started"));
  }
  return { scheduled_at: isoTime(at), outcome, task_id: task };
}
