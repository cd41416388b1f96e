import type { Room } from "../http/room-manifest.ts";
import { answerBulk, bulkWorkflow } from "./agent.ts";
import { LIMITS } from "./limits.ts";
import type { Json } from "../shared/json.ts";
import type { Result } from "../shared/result.ts";
import { retryTask } from "../tasks/operations/fork.ts";
import { cancelTask, deleteTask } from "../tasks/operations/steering.ts";
import { taskIdFromKey } from "../shared/ids.ts";
import { delegate } from "../shared/actor.ts";
import type { TaskServices } from "../tasks/services.ts";
import type { BulkPorts } from "./page.ts";

export const bulkRoom = { name: "bulk", limits: LIMITS, workflows: [bulkWorkflow] } as const satisfies Room;

/** The part of an attempt that an order needs. */
interface Order {
  readonly tenant: string;
  readonly taskId: string;
  readonly input: Json;
  readonly callbackUrl: string;
}

/** Does a page of an order. `services` are there when an agent asks for it. */
export function openBulk(services: () => TaskServices) {
  return {
    work: (order: Order): Promise<Result<Json, string>> => answerBulk(order.input, order.taskId, portsOf(order, services())),
  };
}

/** What an order does to tasks is what their routes do. */
function portsOf({ tenant, taskId, callbackUrl }: Order, services: TaskServices): BulkPorts {
  const actor = delegate(tenant, { type: "task", id: taskId }, ["tasks:write"]);
  // A key that no caller can send: a page that is done again retries nothing twice.
  const retryKey = (task: string): string => `${taskId}\n${task}`;
  const isListed = async (task: string): Promise<boolean> => (await services.history.find(tenant, task)) !== null;
  return {
    list: (filter, statuses, after, limit) => services.history.listAny(tenant, filter, statuses, after, limit),
    statusOf: async (task) => (await services.tasks.ask(tenant, task, (object) => object.head()))?.status ?? null,
    isRetried: async (task) => {
      const retry = taskIdFromKey(tenant, retryKey(task));
      return (await services.tasks.ask(tenant, retry, (object) => object.head())) !== null || (await isListed(retry));
    },
    isListed,
    act: async (action, task, reason) => {
      switch (action) {
        case "cancel":
          return cancelTask(actor, services, task, reason);
        case "delete":
          return deleteTask(actor, services, task);
        case "retry": {
          const { origin } = new URL(callbackUrl);
          return retryTask(actor, services, task, { origin, idempotencyKey: retryKey(task), traceparent: null, waitMs: 0 });
        }
      }
    },
  };
}
