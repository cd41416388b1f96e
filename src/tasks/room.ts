import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";
import type { AgentRecord } from "../agents/agent.ts";
import type { AgentsPort, HoldersPort } from "../agents/port.ts";
import type { Claims } from "../agents/transports/dispatch-queue.ts";
import { outcomesMessage, type OutcomesMessage } from "../agents/transports/outcome-buffer.ts";
import type { CachePorts } from "../cache/cache-contract.ts";
import type { CacheGateway } from "../cache/gateway.ts";
import type { GatePorts } from "../gates/gate-contract.ts";
import type { GateGateway } from "../gates/gateway.ts";
import { bytesToJson } from "../shared/json-bytes.ts";
import { log, messageOf } from "../shared/log.ts";
import type { RelaysPort } from "../relays/task-relays.ts";
import type { WebhookServices } from "../webhooks/services.ts";
import type { WorkflowServices } from "../workflows/services.ts";
import { archivedOutcome } from "./child-outcome.ts";
import { TaskGateway } from "./gateway.ts";
import { ApprovalRows } from "./history/approval-rows.ts";
import { ArchiveGathering } from "./history/archive-gathering.ts";
import { ArchiveStore } from "./history/archive-store.ts";
import { consumeHistory } from "./history/history-queue.ts";
import type { ApprovalRow, HistoryRow } from "./history/port.ts";
import { Statements } from "./history/statements.ts";
import { taskPoint } from "./history/task-point.ts";
import { TaskRows } from "./history/task-rows.ts";
import { webhookSecretPlace, type TaskPorts } from "./ports.ts";
import type { TaskServices } from "./services.ts";
import { FOR_RETRY, type ForkOrigin } from "./submission/fork-origin.ts";
import type { TaskObject } from "./object/task-object.ts";

export const tasksRoom = {
  name: "tasks",
  limits: LIMITS,
  tags: {
    tasks: "Submitting, reading and steering tasks",
    callbacks: "How agents report what they were asked for",
    approvals: "What people are asked, and what they say",
    "approval-links": "One approval, for somebody without a key",
  },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly TASKS: DurableObjectNamespace<TaskObject<Env>>;
      readonly HISTORY: Queue<HistoryRow | ApprovalRow | OutcomesMessage>;
      readonly ANALYTICS: AnalyticsEngineDataset;
    }
  }
}

/** The tasks there are, live and in history: what other rooms ask of them needs nothing else. */
export function openTaskStore({ env, db }: Base) {
  const statements = new Statements(db);
  const history = new TaskRows(db, statements);
  const archive = new ArchiveStore(db, statements, env.CACHE);
  const tasks = new TaskGateway(env.TASKS, (tenant, id) => archive.read(tenant, id));

  const holders: HoldersPort = {
    grant: (tenant, task, attempts) => tasks.ask(tenant, task, (owner) => owner.grant(attempts)),
    verify: (tenant, task, attempts) => tasks.ask(tenant, task, (owner) => owner.verify(attempts)),
    hand: (tenant, { task, ...attempt }, isAgain) => {
      let mayHaveIt = isAgain;
      return tasks.ask(tenant, task, (owner) => {
        const handed = owner.hand(attempt, mayHaveIt);
        mayHaveIt = true;
        return handed;
      });
    },
    takeBack: (tenant, task, attempts) => tasks.ask(tenant, task, (owner) => owner.undelivered(attempts)),
    decline: (tenant, task, attempts, reason, retryAt) => tasks.ask(tenant, task, (owner) => owner.decline(attempts, reason, retryAt)),
  };
  const claims: Claims = {
    claim: ({ tenant, task, step, attempt }, delivery) => tasks.stub(tenant, task).claim({ step, attempt }, delivery, true),
    renew: ({ tenant, task, step, attempt }, delivery) => tasks.stub(tenant, task).renew({ step, attempt }, delivery),
    report: async ({ tenant, task, step, attempt }, outcome) =>
      void (await tasks.ask(tenant, task, (owner) => owner.report({ step, attempt }, outcome))),
  };
  const gatePorts: GatePorts = {
    admit: (tenant, task, key) => tasks.ask(tenant, task, (owner) => owner.admit(key)),
    cancel: async (tenant, task, reason, by) =>
      void (await tasks.ask(tenant, task, (owner) => owner.cancel(reason, { type: "task", id: by }))),
  };
  const cachePorts: CachePorts = {
    tell: (tenant, asker, answer) => tasks.ask(tenant, asker.task, (owner) => owner.cacheSays(asker, answer)),
  };

  return {
    history,
    approvals: new ApprovalRows(db, statements),
    archive,
    tasks,
    holders,
    claims,
    gatePorts,
    cachePorts,
    poke: async (tenant: string, { id, capabilities }: AgentRecord): Promise<void> => {
      try {
        const waiting = await history.waitingFor(tenant, [id, ...capabilities.map(({ name }) => name)], LIMITS.pokes);
        await Promise.all(waiting.map((task) => tasks.stub(tenant, task).poke()));
      } catch (error) {
        log("info", "waiting tasks not woken, they look again by themselves", { agent: id, error: messageOf(error) });
      }
    },
    sendOutcomes: async (messages: readonly OutcomesMessage[]): Promise<void> =>
      void (await env.HISTORY.sendBatch(messages.map((body) => ({ body })))),
  };
}

type TaskStore = ReturnType<typeof openTaskStore>;

/** The rooms that tasks use. */
export interface TaskUses {
  readonly agents: AgentsPort;
  readonly relays: RelaysPort;
  readonly learn: (messages: readonly [OutcomesMessage, ...OutcomesMessage[]]) => Promise<void>;
  readonly gates: GateGateway;
  readonly cache: CacheGateway;
  readonly webhooks: WebhookServices;
  readonly workflows: WorkflowServices;
}

export function openTasks({ env, config }: Base, store: TaskStore, { agents, relays, learn, gates, cache, webhooks, workflows }: TaskUses) {
  const { history, approvals, archive, tasks } = store;
  const { keyring } = config;
  const ports: TaskPorts = {
    settings: { inlineCalls: config.inlineCalls, relayMostMs: config.relayMostMs, taskRetentionMs: config.taskRetentionMs },
    directory: workflows.directory,
    agents,
    relays,
    history: {
      has: async (tenant, task) => (await history.find(tenant, task)) !== null,
      publish: async (row) => void (await env.HISTORY.send(row)),
      publishApprovals: async (rows) => void (await env.HISTORY.sendBatch(rows.map((body) => ({ body })))),
      write: (row, asked) => archive.writeRow(row, asked),
      archives: new ArchiveGathering(async (finished) => {
        await archive.write(finished);
        for (const { row } of finished) env.ANALYTICS.writeDataPoint(taskPoint(row));
      }),
      remove: (tenant, task) => archive.remove(tenant, task),
    },
    tasks: eachOther(tasks),
    cache,
    gates,
    webhooks: {
      notify: (tenant, { webhook, ...ended }) => {
        const secret = webhook?.secret === undefined ? null : keyring.open(webhook.secret, webhookSecretPlace(tenant, ended.id));
        return webhooks.webhooks.notify(tenant, {
          ...ended,
          ...(webhook && { webhook: { url: webhook.url, ...(secret !== null && { secret }) } }),
        });
      },
    },
  };
  const services: TaskServices = { ...workflows, ...webhooks, config, tasks, history, approvals, archive, gates };
  return {
    services,
    ports,
    checks: {
      database: async () => void (await history.list("", {}, null, 1)),
      cache: async () => void (await env.CACHE.get("ready")),
      objects: async () => void (await tasks.stub("ready", "ready").head()),
    },
    queues: {
      "orchestrator-history": (batch: MessageBatch) =>
        consumeHistory(batch.messages, {
          write: (rows) => history.write(rows),
          writeApprovals: (rows) => approvals.write(rows),
          outcomesIn: (body) => outcomesMessage.safeParse(body).data ?? null,
          agentOf: ({ tenant, agent }) => `${tenant}/${agent}`,
          learn,
        }),
    },
    purge: async (now: number) => {
      for (let step = 0; step < LIMITS.purgeSteps; step++)
        if ((await archive.purge(now - config.historyRetentionMs)) < LIMITS.purgeRows) return;
    },
  };
}

/** What tasks say to each other. */
function eachOther(tasks: TaskGateway): TaskPorts["tasks"] {
  return {
    start: async (submission, isPaused) => {
      const { tenant, task } = submission;
      const state = await tasks.ask(tenant, task, (child) => child.begin(submission, isPaused));
      if (state === "running") return null;
      return state === "archived" ? archivedOutcome(await tasks.archive(tenant, task)) : state;
    },
    past: async (tenant, task) => {
      const origin = await tasks.recorded(tenant, task, { ...FOR_RETRY, type: "origin" });
      return origin?.ok === true ? (bytesToJson(origin.value) as unknown as ForkOrigin) : null;
    },
    cancel: async (tenant, task, reason, by) => void (await tasks.ask(tenant, task, (child) => child.cancel(reason, by))),
    follow: (tenant, task, isPaused) => tasks.ask(tenant, task, (child) => child.follow(isPaused)),
    ended: (tenant, parent, task, outcome) => tasks.ask(tenant, parent, (owner) => owner.childEnded(task, outcome)),
  };
}
