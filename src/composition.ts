/** How the rooms are put together, and the only place that knows. */
import { env as startEnv } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import type { AttemptName, StartAnswer } from "./agents/object/admission.ts";
import { capabilityOf, type AgentRecord } from "./agents/agent.ts";
import { AgentGateway } from "./agents/object/gateway.ts";
import { callBuiltin, isBuiltinAgent, type BuiltinWork } from "./agents/transports/builtin.ts";
import { callbackToken } from "./agents/transports/callback-token.ts";
import { AgentDirectory } from "./agents/directory.ts";
import { callAgent, postCourtesy, probeHealth } from "./agents/transports/http-transport.ts";
import { OutcomeBuffer } from "./agents/transports/outcome-buffer.ts";
import type { AgentPorts } from "./agents/port.ts";
import { cancelRequestOf, checkedAgainst, type AgentCall, type Outcome } from "./agents/transports/protocol.ts";
import { AgentRegistry } from "./agents/registry/registry.ts";
import { BASE_PATH } from "./http/app.ts";
import { schedulePorts } from "./schedules/scheduled-task.ts";
import type { Checked } from "./http/health.ts";
import type { Doors } from "./http/route.ts";
import type { AgentServices } from "./agents/services.ts";
import type { CacheServices } from "./cache/services.ts";
import type { KeyServices } from "./auth/services.ts";
import type { ScheduleServices } from "./schedules/services.ts";
import { delegate } from "./shared/actor.ts";
import { retryTask } from "./tasks/operations/fork.ts";
import { cancelTask, deleteTask } from "./tasks/operations/steering.ts";
import { ApiKeys } from "./auth/keys.ts";
import { requestCredit } from "./auth/request-credit.ts";
import { answerBulk } from "./bulk/agent.ts";
import type { BulkPorts } from "./bulk/page.ts";
import type { CachePorts } from "./cache/cache-contract.ts";
import { CacheGateway } from "./cache/gateway.ts";
import type { Env } from "./env.ts";
import type { GatePorts } from "./gates/gate-contract.ts";
import { GateGateway } from "./gates/gateway.ts";
import { ApprovalRows } from "./tasks/history/approval-rows.ts";
import { ArchiveStore } from "./tasks/history/archive-store.ts";
import { Statements } from "./tasks/history/statements.ts";
import { taskPoint } from "./tasks/history/task-point.ts";
import { TaskRows } from "./tasks/history/task-rows.ts";
import { ScheduleGateway } from "./schedules/gateway.ts";
import type { SchedulePorts } from "./schedules/schedule-contract.ts";
import { ScheduleList } from "./schedules/schedule-list.ts";
import { readConfig, type Config } from "./shared/config.ts";
import { bytesToJson } from "./shared/json-bytes.ts";
import { LIMITS } from "./tasks/limits.ts";
import { log, messageOf } from "./shared/log.ts";
import { FOR_RETRY, type ForkOrigin } from "./tasks/submission/fork-origin.ts";
import { archivedOutcome } from "./tasks/child-outcome.ts";
import { TaskGateway } from "./tasks/gateway.ts";
import { webhookSecretPlace, type TaskPorts } from "./tasks/ports.ts";
import { WebhookGateway } from "./webhooks/gateway.ts";
import { Notifier } from "./webhooks/notifier.ts";
import { postDelivery } from "./webhooks/post.ts";
import { WebhookRegistry } from "./webhooks/registry.ts";
import type { WebhookPorts } from "./webhooks/webhook-contract.ts";
import { ChannelStore } from "./workflows/channel-store.ts";
import { WorkflowRegistry } from "./workflows/registry.ts";

/** Checked when the isolate starts: one clear line in the log, and the same in every answer until it is mended. */
export const configuration = readConfig(startEnv);
if (!configuration.ok) log("error", configuration.error);

export interface Services extends AgentServices, CacheServices, KeyServices, ScheduleServices, Checked {
  readonly mayRequest: Doors["mayRequest"];
}

export interface Service extends Services {
  readonly call: (attempt: AgentCall, controller: AbortController) => Promise<Outcome>;
  readonly ports: TaskPorts;
  readonly agentPorts: AgentPorts;
  readonly webhookPorts: WebhookPorts;
  readonly schedulePorts: SchedulePorts;
  readonly cachePorts: CachePorts;
  readonly gatePorts: GatePorts;
}

let built: Service | undefined;

export function service(env: Env): Service {
  if (!configuration.ok) throw new Error(configuration.error);
  return (built ??= build(env, configuration.value));
}

function build(env: Env, config: Config): Service {
  const db = drizzle(env.DB);
  const urlPolicy = { allowLoopback: config.allowLoopbackAgents };
  const agents = new AgentRegistry(db, config.keyring, urlPolicy);
  const directory = new AgentDirectory(agents, env.CACHE);
  const statements = new Statements(db);
  const history = new TaskRows(db, statements);
  const approvals = new ApprovalRows(db, statements);
  const archive = new ArchiveStore(db, statements, env.CACHE);
  const tasks = new TaskGateway(env.TASKS, (tenant, id) => archive.read(tenant, id));
  const agentObject = new AgentGateway(env.AGENTS).object;
  const webhookRegistry = new WebhookRegistry(db, config.keyring, urlPolicy);
  const webhookObjects = new WebhookGateway(env.WEBHOOKS);
  const cache = new CacheGateway(env.RESULTS);
  const gates = new GateGateway(env.GATES);
  const pokeWaiting = async (tenant: string, { id, capabilities }: AgentRecord): Promise<void> => {
    try {
      const waiting = await history.waitingFor(tenant, [id, ...capabilities.map(({ name }) => name)], LIMITS.pokes);
      await Promise.all(waiting.map((task) => tasks.stub(tenant, task).poke()));
    } catch (error) {
      log("info", "waiting tasks not woken, they look again by themselves", { agent: id, error: messageOf(error) });
    }
  };
  const notifier = new Notifier(webhookRegistry, webhookObjects, config.keyring);
  const work: BuiltinWork = {
    bulk: (one) => answerBulk(one.input, one.taskId, bulkPorts(service(env), one), Date.now()),
  };
  const call: Service["call"] = (attempt, controller) =>
    attempt.agent.kind === "builtin" ? callBuiltin(attempt, work) : callAgent(attempt, config.keyring, urlPolicy, controller);
  return {
    call,
    config,
    agents,
    directory,
    history,
    approvals,
    archive,
    workflows: new WorkflowRegistry(db),
    channels: new ChannelStore(db),
    keys: new ApiKeys(db, config.rootApiKey),
    tasks,
    agentObject,
    pokeWaiting,
    webhooks: notifier,
    webhookRegistry,
    webhookObjects,
    schedules: new ScheduleGateway(env.SCHEDULES),
    scheduleList: new ScheduleList(db),
    cache,
    gates,
    mayRequest: requestCredit(async (caller) => (await env.REQUESTS.limit({ key: caller })).success),
    checks: {
      database: async () => void (await history.list("", {}, null, 1)),
      cache: async () => void (await env.CACHE.get("ready")),
      objects: async () => void (await env.TASKS.getByName("ready").head()),
    },
    ports: {
      settings: { inlineCalls: config.inlineCalls, taskRetentionMs: config.taskRetentionMs },
      directory,
      agents: {
        call,
        tellCanceled: async (call, reason) => {
          const request = cancelRequestOf(call, reason, config.keyring, new Date());
          return request !== null && postCourtesy(request, urlPolicy);
        },
        callbackUrl: (origin, attempt) => `${origin}${BASE_PATH}/callbacks/${callbackToken(config.keyring, attempt)}`,
        enqueue: async (messages) => void (await env.DISPATCH.sendBatch(messages.map((body) => ({ body })))),
        start: (tenant, agent, attempt, isLeaving) => startOf(agentObject, tenant, agent, attempt, isLeaving),
        object: agentObject,
        isBuiltin: isBuiltinAgent,
        outcomes: new OutcomeBuffer(async (messages) => void (await env.HISTORY.sendBatch(messages.map((body) => ({ body }))))),
        violation: (agent, capability, output) => checkedAgainst(capabilityOf(agent, capability), output),
      },
      history: {
        has: async (tenant, task) => (await history.find(tenant, task)) !== null,
        publish: async (row) => void (await env.HISTORY.send(row)),
        publishApprovals: async (rows) => void (await env.HISTORY.sendBatch(rows.map((body) => ({ body })))),
        archive: async (row, parts, asked) => {
          await archive.write(row, parts, asked);
          env.ANALYTICS.writeDataPoint(taskPoint(row));
        },
        remove: (tenant, task) => archive.remove(tenant, task),
      },
      tasks: taskPorts(tasks),
      cache,
      gates,
      webhooks: {
        notify: (tenant, { webhook, ...ended }) => {
          const secret = webhook?.secret === undefined ? null : config.keyring.open(webhook.secret, webhookSecretPlace(tenant, ended.id));
          return notifier.notify(tenant, {
            ...ended,
            ...(webhook && { webhook: { url: webhook.url, ...(secret !== null && { secret }) } }),
          });
        },
      },
    },
    agentPorts: {
      record: async (tenant, agent, isFresh) => {
        const known = isFresh ? undefined : (await directory.load(tenant, Date.now())).byId.get(agent);
        // It may have registered a moment ago, elsewhere; and that it is gone only D1 itself can say.
        return known ?? agents.find(tenant, agent);
      },
      publish: async (tenant, agent, state) => {
        await agents.publish(tenant, agent, state);
        directory.learned(tenant, agent, state);
      },
      poke: pokeWaiting,
      probe: (url) => probeHealth(url, urlPolicy),
      holders: {
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
        decline: (tenant, task, attempts, reason, retryAt) => tasks.ask(tenant, task, (owner) => owner.decline(attempts, reason, retryAt)),
      },
    },
    webhookPorts: {
      record: ({ tenant, webhook }) => webhookRegistry.find(tenant, webhook),
      disable: ({ tenant, webhook }, epoch, disabled) => webhookRegistry.disable(tenant, webhook, epoch, disabled),
      post: (tenant, record, delivery) => postDelivery(tenant, record, delivery, config.keyring, urlPolicy),
    },
    gatePorts: {
      admit: (tenant, task, key) => tasks.ask(tenant, task, (owner) => owner.admit(key)),
      cancel: async (tenant, task, reason, by) =>
        void (await tasks.ask(tenant, task, (owner) => owner.cancel(reason, { type: "task", id: by }))),
    },
    schedulePorts: schedulePorts(() => service(env)),
    cachePorts: { tell: (tenant, asker, answer) => tasks.ask(tenant, asker.task, (owner) => owner.cacheSays(asker, answer)) },
  };
}

/** What tasks say to each other. */
function taskPorts(tasks: TaskGateway): TaskPorts["tasks"] {
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

/** Agents without a rate pay no request for one. */
export async function startOf(
  agentObject: Services["agentObject"],
  tenant: string,
  { id, limits }: AgentRecord,
  { task, step, attempt }: AttemptName,
  isLeaving: boolean,
): Promise<StartAnswer> {
  if (limits?.rate === undefined) return { type: "go", inMs: 0 };
  return agentObject(tenant, id).start({ tenant, agent: id }, { task, step, attempt }, isLeaving);
}

/** What a bulk order does to tasks is what their routes do. */
function bulkPorts(services: Services, { tenant, taskId, callbackUrl }: AgentCall): BulkPorts {
  const actor = delegate(tenant, { type: "task", id: taskId }, ["tasks:write"]);
  return {
    list: (filter, after, limit) => services.history.list(tenant, filter, after, limit),
    act: async (action, task, reason) => {
      switch (action) {
        case "cancel":
          return cancelTask(actor, services, task, reason);
        case "delete":
          return deleteTask(actor, services, task);
        case "retry": {
          // A key that no caller can send: a page that is done again retries nothing twice.
          const idempotencyKey = `${taskId}\n${task}`;
          const { origin } = new URL(callbackUrl);
          return retryTask(actor, services, task, { origin, idempotencyKey, traceparent: null, waitMs: 0 });
        }
      }
    },
  };
}
