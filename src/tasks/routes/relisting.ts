/** `POST /registry/tasks`: the list of tasks made again from the tasks themselves. */
import { z } from "@hono/zod-openapi";
import { LIMITS } from "../limits.ts";
import { relistTasks } from "../operations/relist.ts";
import { accepted } from "../../http/problem.ts";
import { createRouter, defineRoute, json } from "../../http/route.ts";
import type { TaskServices } from "../services.ts";

const isCountRight = (count: number): boolean => count >= 1 && count <= LIMITS.relistedTasks;

const relistRoute = defineRoute({
  method: "post",
  path: "/registry/tasks",
  operationId: "relistTasks",
  summary: "List tasks again that the list has lost",
  description:
    "Each of them writes its row, its approvals and, where it has ended, its archive again. Tasks are named by their ids, or by the ids of their objects, which the platform lists. Those of which nothing is left but what the list had are `missing`. May be repeated.",
  access: relistTasks.scope,
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              tasks: z.array(z.string().max(LIMITS.idLength)).max(LIMITS.relistedTasks).optional(),
              objects: z.array(z.string().max(LIMITS.idLength)).max(LIMITS.relistedTasks).optional(),
            })
            .refine(({ tasks = [], objects = [] }) => isCountRight(tasks.length + objects.length), {
              message: `expected 1 to ${LIMITS.relistedTasks} of "tasks" and "objects" together`,
            }),
        },
      },
    },
  },
  responses: {
    200: json(z.object({ listed: z.int(), missing: z.array(z.string()).readonly() }).openapi("RelistedTasks"), "What became of each"),
  },
});

export const relistingRoutes = createRouter<TaskServices>().openapi(relistRoute, async (c) => {
  const { tasks = [], objects = [] } = c.req.valid("json");
  return c.json(accepted(await relistTasks(c.var.principal, c.var.services, { tasks, objects })), 200);
});
