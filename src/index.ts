/** The Worker's entry: its objects, requests, queues and timetable. */
import { AgentObject } from "./agents/object/agent-object.ts";
import { consumeDispatches } from "./agents/transports/dispatch-queue.ts";
import { outcomesMessage, outcomesOf } from "./agents/transports/outcome-buffer.ts";
import { CacheObject } from "./cache/cache-object.ts";
import { configuration, service, startOf } from "./composition.ts";
import type { Env } from "./env.ts";
import { GateObject } from "./gates/gate-object.ts";
import { consumeHistory } from "./tasks/history/history-queue.ts";
import { ScheduleObject } from "./schedules/schedule-object.ts";
import { createApi } from "./rooms.ts";
import { LIMITS } from "./tasks/limits.ts";
import { log } from "./shared/log.ts";
import { TaskObject } from "./tasks/object/task-object.ts";
import { WebhookObject } from "./webhooks/webhook-object.ts";

export class Task extends TaskObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).ports : null);
  }
}

export class Agent extends AgentObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).agentPorts : null);
  }
}

export class Webhook extends WebhookObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).webhookPorts : null);
  }
}

export class Schedule extends ScheduleObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).schedulePorts : null);
  }
}

/** Shares of tenants' cached results. */
export class ResultCache extends CacheObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).cachePorts : null);
  }
}

export class Gate extends GateObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, configuration.ok ? service(env).gatePorts : null);
  }
}

const app = createApi((env) => (configuration.ok ? { services: service(env as Env) } : { fault: configuration.error }));

export default {
  fetch: app.fetch,

  async queue(batch, env): Promise<void> {
    const { tasks, history, approvals, agentObject, call } = service(env);
    switch (batch.queue) {
      case "orchestrator-dispatch":
        return consumeDispatches(batch.messages, {
          claim: ({ tenant, task, step, attempt }, delivery) => tasks.stub(tenant, task).claim({ step, attempt }, delivery),
          start: (message, { agent }) => startOf(agentObject, message.tenant, agent, message, true),
          call: (attempt) => call(attempt, new AbortController()),
          report: async ({ tenant, task, step, attempt }, outcome) =>
            void (await tasks.ask(tenant, task, (owner) => owner.report({ step, attempt }, outcome))),
        });
      case "orchestrator-history":
        return consumeHistory(batch.messages, {
          write: (rows) => history.write(rows),
          writeApprovals: (rows) => approvals.write(rows),
          outcomesIn: (body) => outcomesMessage.safeParse(body).data ?? null,
          agentOf: ({ tenant, agent }) => `${tenant}/${agent}`,
          learn: ([first, ...rest]) => {
            const { tenant, agent } = first;
            return agentObject(tenant, agent).learn({ tenant, agent }, [first, ...rest].flatMap(outcomesOf));
          },
        });
      default:
        // What failed ten times. Tasks repair themselves from their journals; people should know.
        for (const message of batch.messages)
          log("error", "message given up", { queue: batch.queue, id: message.id, body: JSON.stringify(message.body).slice(0, 1_000) });
        batch.ackAll();
    }
  },

  async scheduled(_controller, env): Promise<void> {
    const { archive, config, webhookRegistry } = service(env);
    await webhookRegistry.purge(Date.now() - LIMITS.deliveryRetentionMs - 2 * LIMITS.webhookUsedMs);
    for (let step = 0; step < LIMITS.purgeSteps; step++) {
      if ((await archive.purge(Date.now() - config.historyRetentionMs)) < LIMITS.purgeRows) return;
    }
  },
} satisfies ExportedHandler<Env>;
