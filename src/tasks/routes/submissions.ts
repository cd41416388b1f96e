/** `POST /tasks` and `/tasks/batch`. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { faultsOf } from "../../language/compile.ts";
import { rejectionOf, type Rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Submitted } from "../messages.ts";
import { isTrouble } from "../../objects/trouble.ts";
import { accepted, problemBody, TROUBLE } from "../../http/problem.ts";
import { createRouter, defineRoute, json, type Api } from "../../http/route.ts";
import { submitTask, submitTasks, type Request } from "../operations/submit.ts";
import { submission, type SubmissionBody } from "./task-schemas.ts";
import { EndedTask, TaskHead } from "../views/view.ts";
import { traceContextOf } from "../../http/trace-context.ts";
import { requestedWait } from "../../http/waiting.ts";
import { endWithin } from "./end-within.ts";
import { outputAnswer } from "./output-answer.ts";
import type { TaskServices } from "../services.ts";

export const idempotencyHeader = z.object({ "idempotency-key": z.string().min(1).max(LIMITS.idempotencyKeyLength).optional() });

const submitRoute = defineRoute({
  method: "post",
  path: "/tasks",
  operationId: "submitTask",
  summary: "Submit a task",
  description: "Answers 202 with the task, or with `?wait=30s` (or `Prefer: wait=30`) 200 with its result if it ends in time.",
  access: submitTask.scope,
  maxBodyBytes: LIMITS.bodyBytes,
  request: {
    query: z.strictObject({ wait: z.string().optional().openapi({ example: "30s" }) }),
    headers: idempotencyHeader,
    body: { required: true, content: { "application/json": { schema: submission } } },
  },
  responses: {
    200: json(z.union([EndedTask, TaskHead]), "The task has ended; or, with `Existing-Task: true`, the one that is returned instead"),
    202: json(TaskHead, "The task goes on"),
  },
});

const batchRoute = defineRoute({
  method: "post",
  path: "/tasks/batch",
  operationId: "submitTasks",
  summary: "Submit many tasks",
  description: "Each entry gets its own answer, in order; one that is refused does not affect the others.",
  access: submitTasks.scope,
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
      z.object({ data: z.array(z.object({ status: z.int(), task: TaskHead.optional(), problem: z.unknown().optional() })) }),
      "An answer for each",
    ),
  },
});

export const submissionRoutes = createRouter<TaskServices>()
  .openapi(submitRoute, async (c) => {
    const wait = requestedWait(c, c.req.valid("query").wait);
    const startedAt = Date.now();
    const request = requestOf(c, c.req.valid("header")["idempotency-key"], wait);
    const submitted = await submitTask(c.var.principal, c.var.services, c.req.valid("json"), request);
    const { head, isReplay, isExisting, result } = accepted(submitted);
    // Without a key a repeat is our own, of a request that got lost on the way to the object.
    if (isReplay && request.idempotencyKey !== null) c.header("Idempotent-Replayed", "true");
    c.header("Location", `/api/v1/tasks/${head.id}`);
    if (wait > 0 && result !== null && "output" in result) {
      return outputAnswer<EndedTask>(c, head.id, { id: head.id, ...result });
    }
    if (isExisting) c.header("Existing-Task", "true");
    const ended = await endWithin(c, head.id, Math.max(0, wait - (Date.now() - startedAt)));
    if (ended !== null) return outputAnswer<EndedTask>(c, head.id, ended);
    return c.json(await current(c, head, wait), isExisting ? 200 : 202);
  })
  .openapi(batchRoute, async (c) => {
    const request = requestOf(c, c.req.valid("header")["idempotency-key"], 0);
    const answers = accepted(
      await submitTasks(c.var.principal, c.var.services, c.req.valid("json").tasks.map(bodyOf), request, (error) => {
        if (!isTrouble(error)) throw error;
        return TROUBLE;
      }),
    );
    return c.json({ data: answers.map((answer) => entryAnswer(c, answer)) }, 200);
  });

export function requestOf(c: Context<Api<TaskServices>>, idempotencyKey: string | undefined, waitMs: number): Request {
  return {
    idempotencyKey: idempotencyKey ?? null,
    ...(traceContextOf(c.req.header("traceparent"), c.req.header("tracestate")) ?? { traceparent: null }),
    origin: new URL(c.req.url).origin,
    waitMs,
  };
}

/** The task as it stands after waiting in vain. */
async function current(c: Context<Api<TaskServices>>, head: TaskHead, waitMs: number): Promise<TaskHead> {
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

function bodyOf(entry: unknown): Result<SubmissionBody, Rejection> {
  const parsed = submission.safeParse(entry);
  return parsed.success ? ok(parsed.data) : err(rejectionOf(faultsOf(parsed.error), "invalid_request"));
}

function entryAnswer(c: Context<Api<TaskServices>>, submitted: Result<Submitted, Rejection>) {
  if (submitted.ok) return { status: submitted.value.isExisting ? 200 : 202, task: submitted.value.head };
  const problem = problemBody(submitted.error, c.get("requestId"));
  return { status: problem.status, problem };
}
