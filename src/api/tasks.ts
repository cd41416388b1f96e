/** `/tasks`: submit, list, read, steer. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { TaskHead, TaskResult } from "../engine/view.ts";
import { faultsOf } from "../engine/compile.ts";
import { rejection, rejectionOf, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "../shared/limits.ts";
import type { Result } from "../shared/result.ts";
import { parseDuration } from "../shared/time.ts";
import type { TaskContract } from "../task/contract.ts";
import { waitForEnd } from "./follow.ts";
import { page, pageOf, pageQuery, readCursor } from "./page.ts";
import { accepted, problemBody, Refused } from "./problem.ts";
import { createRouter, defineRoute, json, type Api } from "./route.ts";
import { submitTask, type SubmitContext } from "./submit.ts";
import { endedTask, stepDetail, stepView, submission, taskHead, taskResult, TASK_STATUS, taskView } from "./task-schemas.ts";

const taskParams = z.object({ id: z.string() });
const idempotencyHeader = z.object({ "idempotency-key": z.string().min(1).max(LIMITS.idempotencyKeyLength).optional() });

const submitRoute = defineRoute({
  method: "post",
  path: "/tasks",
  summary: "Submit a task",
  description: "Answers 202 with the task, or with `?wait=30s` (or `Prefer: wait=30`) 200 with its result if it ends in time.",
  access: "tasks:write",
  maxBodyBytes: LIMITS.bodyBytes,
  request: {
    query: z.strictObject({ wait: z.string().optional().openapi({ example: "30s" }) }),
    headers: idempotencyHeader,
    body: { required: true, content: { "application/json": { schema: submission } } },
  },
  responses: { 200: json(endedTask, "The task has ended"), 202: json(taskHead, "The task goes on") },
});

const batchRoute = defineRoute({
  method: "post",
  path: "/tasks/batch",
  summary: "Submit many tasks",
  description: "Each entry gets its own answer, in order; one that is refused does not affect the others.",
  access: "tasks:write",
  maxBodyBytes: LIMITS.bodyBytes,
  request: {
    headers: idempotencyHeader,
    body: {
      required: true,
      content: { "application/json": { schema: z.strictObject({ tasks: z.array(z.unknown()).min(1).max(LIMITS.batchTasks) }) } },
    },
  },
  responses: {
    200: json(
      z.object({ data: z.array(z.object({ status: z.int(), task: taskHead.optional(), problem: z.unknown().optional() })) }),
      "An answer for each",
    ),
  },
});

const listRoute = defineRoute({
  method: "get",
  path: "/tasks",
  summary: "List tasks, newest first",
  description: "From history: a task appears within about a second.",
  access: "tasks:read",
  request: {
    query: z.strictObject({
      ...pageQuery,
      status: z.enum(TASK_STATUS).optional(),
      type: z.string().max(LIMITS.idLength).optional(),
      tag: z.string().max(LIMITS.tagLength).optional(),
      created_after: z.iso.datetime({ offset: true }).optional(),
      created_before: z.iso.datetime({ offset: true }).optional(),
    }),
  },
  responses: { 200: json(pageOf(taskHead), "A page of tasks") },
});

const readRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}",
  summary: "Read a task with its steps",
  access: "tasks:read",
  request: { params: taskParams },
  responses: { 200: json(taskView, "The task") },
});
const statusRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/status",
  summary: "Read a task's status",
  access: "tasks:read",
  request: { params: taskParams },
  responses: { 200: json(taskHead, "The task without its steps") },
});
const resultRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/result",
  summary: "Read a task's result",
  access: "tasks:read",
  request: { params: taskParams, query: z.strictObject({ wait: z.string().optional() }) },
  responses: { 200: json(taskResult, "The result; 409 while the task goes on") },
});
const stepsRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/steps",
  summary: "List a task's steps",
  access: "tasks:read",
  request: { params: taskParams, query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(stepView), "A page of steps, in the workflow's order") },
});
const stepRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/steps/{step_id}",
  summary: "Read a step with its output",
  access: "tasks:read",
  request: { params: z.object({ id: z.string(), step_id: z.string() }) },
  responses: { 200: json(stepDetail, "The step") },
});

const cancelBody = z.strictObject({ reason: z.string().max(LIMITS.textLength).optional() });
const cancelRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/cancel",
  summary: "Cancel a task",
  description: "Canceling a canceled task changes nothing and answers 200.",
  access: "tasks:write",
  request: { params: taskParams, body: { content: { "application/json": { schema: cancelBody } } } },
  responses: { 200: json(taskHead, "The task") },
});
const noBody = { content: { "application/json": { schema: z.strictObject({}) } } };
const pauseRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/pause",
  summary: "Start nothing new",
  access: "tasks:write",
  request: { params: taskParams, body: noBody },
  responses: { 200: json(taskHead, "The task") },
});
const resumeRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/resume",
  summary: "Go on after a pause",
  access: "tasks:write",
  request: { params: taskParams, body: noBody },
  responses: { 200: json(taskHead, "The task") },
});

export const taskRoutes = createRouter()
  .openapi(submitRoute, async (c) => {
    const wait = requestedWait(c, c.req.valid("query").wait);
    const startedAt = Date.now();
    const context = submitContext(c, c.req.valid("header")["idempotency-key"] ?? null, wait);
    const { head, isReplay, result } = accepted(await submitTask(c.req.valid("json"), context));
    if (isReplay) c.header("Idempotent-Replayed", "true");
    c.header("Location", `/api/v1/tasks/${head.id}`);
    if (result !== null && "output" in result) return c.json({ id: head.id, ...resultBody(result) }, 200);
    const ended = await endWithin(c, head.id, Math.max(0, wait - (Date.now() - startedAt)));
    return ended === null ? c.json(await current(c, head, wait), 202) : c.json(ended, 200);
  })
  .openapi(batchRoute, async (c) => {
    const key = c.req.valid("header")["idempotency-key"] ?? null;
    const answers = await inTurns(c.req.valid("json").tasks, async (entry, index) =>
      submitEntry(c, entry, submitContext(c, key === null ? null : `${key}/${index}`, 0)),
    );
    return c.json({ data: answers }, 200);
  })
  .openapi(listRoute, async (c) => {
    const { limit, cursor, status, type, tag, created_after, created_before } = c.req.valid("query");
    const { services, principal } = c.var;
    const after = readCursor(cursor, z.object({ createdAt: z.int(), id: z.string() }));
    const filter = { status, type, tag, createdAfter: timeOf(created_after), createdBefore: timeOf(created_before) };
    const tasks = await services.history.list(principal.tenant, filter, after, limit + 1);
    return c.json(
      page(tasks, limit, (task) => ({ createdAt: Date.parse(task.created_at), id: task.id })),
      200,
    );
  })
  .openapi(readRoute, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(
      found(
        await c.var.services.tasks.read(
          c.var.principal.tenant,
          id,
          (task) => task.task(),
          (reading) => reading.task(),
        ),
        id,
      ),
      200,
    );
  })
  .openapi(statusRoute, async (c) => {
    const { id } = c.req.valid("param");
    return c.json(
      found(
        await c.var.services.tasks.read(
          c.var.principal.tenant,
          id,
          (task) => task.head(),
          (reading) => reading.head(),
        ),
        id,
      ),
      200,
    );
  })
  .openapi(resultRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { tenant } = c.var.principal;
    const ended = await endWithin(c, id, requestedWait(c, c.req.valid("query").wait));
    if (ended !== null) return c.json({ status: ended.status, output: ended.output, error: ended.error }, 200);
    const result = found(
      await c.var.services.tasks.read(
        tenant,
        id,
        (task) => task.result(),
        (reading) => reading.result() ?? { expired: true as const },
      ),
      id,
    );
    if ("unfinished" in result)
      throw new Refused(
        rejection("not_finished", `The task is ${result.status}; its result comes when it ends`, { facts: { task_status: result.status } }),
      );
    if ("expired" in result)
      throw new Refused(rejection("result_expired", "The result was too large to be archived and its retention has ended"));
    return c.json(resultBody(result), 200);
  })
  .openapi(stepsRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { limit, cursor } = c.req.valid("query");
    const from = readCursor(cursor, z.int().min(0)) ?? 0;
    const steps = found(
      await c.var.services.tasks.read(
        c.var.principal.tenant,
        id,
        (task) => task.steps(from, limit + 1),
        (reading) => reading.steps(from, limit + 1),
      ),
      id,
    );
    return c.json(
      page(steps, limit, () => from + limit),
      200,
    );
  })
  .openapi(stepRoute, async (c) => {
    const { id, step_id } = c.req.valid("param");
    const step = found(
      await c.var.services.tasks.read(
        c.var.principal.tenant,
        id,
        (task) => task.step(step_id),
        (reading) => reading.step(step_id) ?? ("unknown" as const),
      ),
      id,
    );
    if (step === "unknown") throw new Refused(rejection("not_found", `The task has no step "${step_id}"`));
    return c.json(step as z.infer<typeof stepDetail>, 200);
  })
  .openapi(cancelRoute, async (c) =>
    c.json(await steer(c, c.req.valid("param").id, (task) => task.cancel(c.req.valid("json").reason), "canceled"), 200),
  )
  .openapi(pauseRoute, async (c) => c.json(await steer(c, c.req.valid("param").id, (task) => task.pause(), "paused"), 200))
  .openapi(resumeRoute, async (c) => c.json(await steer(c, c.req.valid("param").id, (task) => task.resume(), "resumed"), 200));

function submitContext(c: Context<Api>, idempotencyKey: string | null, waitMs: number): SubmitContext {
  const traceparent = c.req.header("traceparent");
  return {
    services: c.var.services,
    tenant: c.var.principal.tenant,
    idempotencyKey,
    // A malformed trace context is ignored, as its specification asks.
    traceparent: traceparent !== undefined && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent) ? traceparent : null,
    origin: new URL(c.req.url).origin,
    waitMs,
  };
}

/** How long the caller wants to wait, in milliseconds, at most a minute. */
function requestedWait(c: Context<Api>, query: string | undefined): number {
  const text = query ?? /(?:^|[,;\s])wait=(\d+)/.exec(c.req.header("prefer") ?? "")?.[1];
  if (text === undefined) return 0;
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : parseDuration(text);
  if (ms === null) {
    const message = 'expected a duration such as "30s"';
    throw new Refused(
      rejection("invalid_request", `wait: ${message}`, { faults: [{ pointer: "/query/wait", message, code: "invalid_request" }] }),
    );
  }
  return Math.min(ms, LIMITS.waitMs);
}

function resultBody({ status, output, error }: TaskResult): z.infer<typeof taskResult> {
  return { status, output, error };
}

async function endWithin(c: Context<Api>, id: string, waitMs: number): Promise<z.infer<typeof endedTask> | null> {
  if (waitMs === 0) return null;
  const { tasks } = c.var.services;
  const { tenant } = c.var.principal;
  const ended = await tasks.read(
    tenant,
    id,
    (task) => waitForEnd(task, waitMs),
    () => null,
  );
  return ended === null ? null : { id, ...(ended as Omit<z.infer<typeof endedTask>, "id">) };
}

/** The task as it stands after waiting in vain. */
async function current(c: Context<Api>, head: TaskHead, waitMs: number): Promise<TaskHead> {
  if (waitMs === 0) return head;
  return (
    (await c.var.services.tasks.read(
      c.var.principal.tenant,
      head.id,
      (task) => task.head(),
      (reading) => reading.head(),
    )) ?? head
  );
}

type EntryAnswer = { status: number; task?: TaskHead; problem?: unknown };

async function submitEntry(c: Context<Api>, entry: unknown, context: SubmitContext): Promise<EntryAnswer> {
  const refused = (error: Rejection): EntryAnswer => {
    const problem = problemBody(error, c.get("requestId"));
    return { status: problem.status, problem };
  };
  const parsed = submission.safeParse(entry);
  if (!parsed.success) return refused(rejectionOf(faultsOf(parsed.error), "invalid_request"));
  const submitted = await submitTask(parsed.data, context);
  return submitted.ok ? { status: 202, task: submitted.value.head } : refused(submitted.error);
}

/** Answers in order, a few at a time: each entry is a request to an object. */
async function inTurns<T, R>(items: readonly T[], answer: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const size = 10;
  for (let from = 0; from < items.length; from += size) {
    answers.push(...(await Promise.all(items.slice(from, from + size).map((item, offset) => answer(item, from + offset)))));
  }
  return answers;
}

async function steer(
  c: Context<Api>,
  id: string,
  verb: (task: TaskContract) => Promise<Result<TaskHead, Rejection> | null>,
  done: string,
): Promise<TaskHead> {
  const answer = found(
    await c.var.services.tasks.read<Result<TaskHead, Rejection>>(c.var.principal.tenant, id, verb, (reading) =>
      steerFinished(reading.head(), done),
    ),
    id,
  );
  return accepted(answer);
}

/** A task that only history has left has ended: nothing can be done to it, but canceling a canceled one is no change. */
function steerFinished(head: TaskHead, done: string): Result<TaskHead, Rejection> {
  if (done === "canceled" && head.status === "canceled") return { ok: true, value: head };
  return {
    ok: false,
    error: rejection("invalid_state", `A task that is ${head.status} cannot be ${done}`, { facts: { task_status: head.status } }),
  };
}

export function found<T>(answer: T | null, id: string): T {
  if (answer === null) throw new Refused(rejection("not_found", `There is no task "${id}"`));
  return answer;
}

const timeOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));
