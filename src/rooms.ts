/** The rooms: which there are, and how they are put together. The only file that knows all of them. */
import { env as startEnv } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { languageRoom } from "./language/room.ts";
import { engineRoom } from "./engine/room.ts";
import { httpRoom } from "./http/room.ts";
import { authRoom, openAuth } from "./auth/room.ts";
import { agentsRoom, openAgents } from "./agents/room.ts";
import { openRelays, relaysRoom } from "./relays/room.ts";
import { gatesRoom, openGates } from "./gates/room.ts";
import { cacheRoom, openCache } from "./cache/room.ts";
import { workflowsRoom, openWorkflows } from "./workflows/room.ts";
import { webhooksRoom, openWebhooks } from "./webhooks/room.ts";
import { openTasks, openTaskStore, tasksRoom } from "./tasks/room.ts";
import { bulkRoom, openBulk } from "./bulk/room.ts";
import { schedulesRoom, openSchedules } from "./schedules/room.ts";
import { estimatesRoom } from "./estimates/room.ts";
import { backupRoom, openBackup } from "./backup/room.ts";
import { AgentObject } from "./agents/object/agent-object.ts";
import { CacheObject } from "./cache/cache-object.ts";
import { GateObject } from "./gates/gate-object.ts";
import { RelayObject } from "./relays/relay-object.ts";
import { ScheduleObject } from "./schedules/schedule-object.ts";
import { readConfig } from "./shared/config.ts";
import { log } from "./shared/log.ts";
import { TaskObject } from "./tasks/object/task-object.ts";
import { WebhookObject } from "./webhooks/webhook-object.ts";
import { addBuiltinWorkflows } from "./workflows/builtin.ts";
import { BASE_PATH, createApp } from "./http/app.ts";
import { serveDocument } from "./http/openapi.ts";
import type { Base, Room } from "./http/room-manifest.ts";

export const ROOMS: readonly Room[] = [
  languageRoom,
  engineRoom,
  httpRoom,
  authRoom,
  agentsRoom,
  relaysRoom,
  gatesRoom,
  cacheRoom,
  workflowsRoom,
  webhooksRoom,
  tasksRoom,
  bulkRoom,
  schedulesRoom,
  estimatesRoom,
  backupRoom,
];

for (const { workflows = [] } of ROOMS) addBuiltinWorkflows(workflows);

/** Checked when the isolate starts: one clear line in the log, and the same in every answer until it is mended. */
const configuration = readConfig(startEnv);
if (!configuration.ok) log("error", configuration.error);

let opened: ReturnType<typeof open> | undefined;

/** All rooms, opened once per isolate. Throws while the configuration is not valid. */
export function rooms(env: Cloudflare.Env) {
  if (!configuration.ok) throw new Error(configuration.error);
  const { value: config } = configuration;
  return (opened ??= open({ env, config, db: drizzle(env.DB), urlPolicy: { allowLoopback: config.allowLoopbackAgents } }));
}

function open(base: Base) {
  const store = openTaskStore(base);
  const bulk = openBulk(() => tasks.services);
  const agents = openAgents(base, { ...store, work: { bulk: bulk.work } });
  const relays = openRelays(base, agents.port.call);
  const gates = openGates(base, store.gatePorts);
  const cache = openCache(base, store.cachePorts);
  const webhooks = openWebhooks(base);
  const workflows = openWorkflows(base, agents.services.directory);
  const tasks = openTasks(base, store, {
    agents: agents.port,
    relays: relays.port,
    learn: agents.learn,
    ...gates.services,
    ...cache.services,
    webhooks: webhooks.services,
    workflows: workflows.services,
  });
  const schedules = openSchedules(base, tasks.services);
  const auth = openAuth(base);
  const lending = [auth, agents, workflows, webhooks, schedules];
  const backup = openBackup(
    base,
    lending.flatMap(({ registered }) => registered),
  );
  return {
    services: { ...backup.services, ...agents.services, ...cache.services, ...schedules.services, ...auth.services, checks: tasks.checks },
    ports: {
      tasks: tasks.ports,
      agents: agents.ports,
      relays: relays.ports,
      gates: gates.ports,
      cache: cache.ports,
      webhooks: webhooks.ports,
      schedules: schedules.ports,
    },
    queues: { ...agents.queues, ...tasks.queues } as Readonly<Record<string, (batch: MessageBatch) => Promise<void>>>,
    purges: [webhooks.purge, tasks.purge],
  };
}

type Services = ReturnType<typeof open>["services"];

const portsOf = (env: Cloudflare.Env) => (configuration.ok ? rooms(env).ports : null);

// The object classes: the entry exports them, under the names that `wrangler.toml` has.

export class Task extends TaskObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.tasks ?? null);
  }
}

export class Agent extends AgentObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.agents ?? null);
  }
}

export class Relay extends RelayObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.relays ?? null);
  }
}

export class Gate extends GateObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.gates ?? null);
  }
}

export class ResultCache extends CacheObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.cache ?? null);
  }
}

export class Webhook extends WebhookObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.webhooks ?? null);
  }
}

export class Schedule extends ScheduleObject<Cloudflare.Env> {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env, portsOf(env)?.schedules ?? null);
  }
}

/** One chain of all routes, so that a client's types follow from it. */
export function createApi() {
  const app = createApp<Services>((env) => {
    if (!configuration.ok) return { fault: configuration.error };
    return { services: rooms(env as Cloudflare.Env).services };
  })
    .route(BASE_PATH, tasksRoom.routes)
    // Before /workflows/{name}, of which "estimate" would be one.
    .route(BASE_PATH, estimatesRoom.routes)
    .route(BASE_PATH, workflowsRoom.routes)
    .route(BASE_PATH, agentsRoom.routes)
    .route(BASE_PATH, webhooksRoom.routes)
    .route(BASE_PATH, schedulesRoom.routes)
    .route(BASE_PATH, cacheRoom.routes)
    .route(BASE_PATH, authRoom.routes)
    .route(BASE_PATH, backupRoom.routes);
  serveDocument(app, ROOMS);
  return app;
}
