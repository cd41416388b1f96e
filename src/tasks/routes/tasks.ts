/** `/tasks`: list, read, steer. */
import { z } from "@hono/zod-openapi";
import { actorFilter } from "../views/by-view.ts";
import { rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { page, pageOf, pageQuery, readCursor } from "../../http/page.ts";
import { moment } from "../../language/definition-words.ts";
import { accepted, Refused } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import { cancelTask, deleteTask, noTask, pauseTask, resumeTask } from "../operations/steering.ts";
import { StepDetail, TaskView } from "../views/task-view.ts";
import { StepView } from "../views/step-view.ts";
import { TASK_STATUS, TaskHead, TaskResult } from "../views/view.ts";
import { requestedWait } from "../../http/waiting.ts";
import { endWithin } from "./end-within.ts";
import { outputAnswer } from "./output-answer.ts";
import type { TaskServices } from "../services.ts";

const taskParams = z.object({ id: z.string() });
const listRoute = defineRoute({
  method: "get",
  path: "/tasks",
  operationId: "listTasks",
  summary: "List tasks, newest first",
  description: "From history: a task appears within about a second.",
  access: "tasks:read",
  request: {
    query: z.strictObject({
      ...pageQuery,
      status: z.enum(TASK_STATUS).optional(),
      type: z.string().max(LIMITS.idLength).optional(),
      tag: z.string().max(LIMITS.tagLength).optional(),
      parent: z.string().max(LIMITS.idLength).optional().openapi({ description: "The task that started them" }),
      by: actorFilter.optional(),
      created_after: moment.optional(),
      created_before: moment.optional(),
    }),
  },
  responses: { 200: json(pageOf(TaskHead), "A page of tasks") },
});

const readRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}",
  operationId: "getTask",
  summary: "Read a task with its steps",
  description: "With every step, its attempts and the agents that were chosen, and why.",
  access: "tasks:read",
  request: { params: taskParams },
  responses: { 200: json(TaskView, "The task") },
});
const statusRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/status",
  operationId: "getTaskStatus",
  summary: "Read a task's status",
  description: "The task without its steps: its status, and what it waits for.",
  access: "tasks:read",
  request: { params: taskParams },
  responses: { 200: json(TaskHead, "The task without its steps") },
});
const resultRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/result",
  operationId: "getTaskResult",
  summary: "Read a task's result",
  description: "409 while the task has not ended. With `wait`, the answer comes when it ends, at most a minute later.",
  access: "tasks:read",
  request: { params: taskParams, query: z.strictObject({ wait: z.string().optional() }) },
  responses: { 200: json(TaskResult, "The result; 409 while the task goes on") },
});
const stepsRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/steps",
  operationId: "listSteps",
  summary: "List a task's steps",
  description: "A page of them, those inside other steps included.",
  access: "tasks:read",
  request: { params: taskParams, query: z.strictObject(pageQuery) },
  responses: { 200: json(pageOf(StepView), "A page of steps, in the workflow's order") },
});
const stepRoute = defineRoute({
  method: "get",
  path: "/tasks/{id}/steps/{step_id}",
  operationId: "getStep",
  summary: "Read a step with its output",
  description: "One step, named by its path, with what it came to.",
  access: "tasks:read",
  request: { params: z.object({ id: z.string(), step_id: z.string() }) },
  responses: { 200: json(StepDetail, "The step") },
});

const cancelBody = z.strictObject({ reason: z.string().max(LIMITS.textLength).optional() });
const cancelRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/cancel",
  operationId: "cancelTask",
  summary: "Cancel a task",
  description: "Canceling a canceled task changes nothing and answers 200.",
  access: cancelTask.scope,
  request: { params: taskParams, body: { content: { "application/json": { schema: cancelBody } } } },
  responses: { 200: json(TaskHead, "The task") },
});
const noBody = { content: { "application/json": { schema: z.strictObject({}) } } };
const pauseRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/pause",
  operationId: "pauseTask",
  summary: "Start nothing new",
  description: "What runs is let finish and its results are kept. Nothing new starts until the task is resumed.",
  access: pauseTask.scope,
  request: { params: taskParams, body: noBody },
  responses: { 200: json(TaskHead, "The task") },
});
const resumeRoute = defineRoute({
  method: "post",
  path: "/tasks/{id}/resume",
  operationId: "resumeTask",
  summary: "Go on after a pause",
  description: "Starts what became ready meanwhile.",
  access: resumeTask.scope,
  request: { params: taskParams, body: noBody },
  responses: { 200: json(TaskHead, "The task") },
});

const deleteRoute = defineRoute({
  method: "delete",
  path: "/tasks/{id}",
  operationId: "deleteTask",
  summary: "Delete a task that has ended",
  description:
    "Its journal, its outputs and what history has of it are gone; its idempotency key may be used again. Tasks that it started are tasks of their own.",
  access: deleteTask.scope,
  request: { params: taskParams },
  responses: { 204: { description: "Deleted" } },
});

export const taskRoutes = createRouter<TaskServices>()
  .openapi(listRoute, async (c) => {
    const { limit, cursor, status, type, tag, parent, by, created_after, created_before } = c.req.valid("query");
    const { services, principal } = c.var;
    const after = readCursor(c, cursor, z.object({ createdAt: z.int(), id: z.string() }));
    const filter = { status, type, tag, parent, by, createdAfter: timeOf(created_after), createdBefore: timeOf(created_before) };
    const tasks = await services.history.list(principal.tenant, filter, after, limit + 1);
    return c.json(
      page(c, tasks, limit, (task) => ({ createdAt: Date.parse(task.created_at), id: task.id })),
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
    if (ended !== null) {
      const { id: _, ...body } = ended;
      return outputAnswer<z.infer<typeof TaskResult>>(c, id, body);
    }
    const result = found(
      await c.var.services.tasks.read(
        tenant,
        id,
        (task) => task.result(true),
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
    return outputAnswer<z.infer<typeof TaskResult>>(c, id, result);
  })
  .openapi(stepsRoute, async (c) => {
    const { id } = c.req.valid("param");
    const { limit, cursor } = c.req.valid("query");
    const from = readCursor(c, cursor, z.int().min(0)) ?? 0;
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
      page(c, steps, limit, () => from + limit),
      200,
    );
  })
  .openapi(stepRoute, async (c) => {
    const { id, step_id } = c.req.valid("param");
    const step = found(
      await c.var.services.tasks.read(
        c.var.principal.tenant,
        id,
        (task) => task.step(step_id, true),
        (reading) => reading.step(step_id) ?? ("unknown" as const),
      ),
      id,
    );
    if (step === "unknown") throw new Refused(rejection("not_found", `The task has no step "${step_id}"`));
    return outputAnswer<StepDetail>(c, id, step);
  })
  .openapi(cancelRoute, async (c) => {
    const { principal, services } = c.var;
    return c.json(accepted(await cancelTask(principal, services, c.req.valid("param").id, c.req.valid("json").reason)), 200);
  })
  .openapi(pauseRoute, async (c) => c.json(accepted(await pauseTask(c.var.principal, c.var.services, c.req.valid("param").id)), 200))
  .openapi(resumeRoute, async (c) => c.json(accepted(await resumeTask(c.var.principal, c.var.services, c.req.valid("param").id)), 200))
  .openapi(deleteRoute, async (c) => {
    accepted(await deleteTask(c.var.principal, c.var.services, c.req.valid("param").id));
    return c.body(null, 204);
  });

export function found<T>(answer: T | null, id: string): T {
  if (answer === null) throw new Refused(noTask(id));
  return answer;
}

const timeOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));
