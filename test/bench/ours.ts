/**
 * The service as it is, with its meters readable: `/meter` for D1, `/meter/tasks/{task}` and `/meter/agents/{agent}` for
 * objects. `POST /abort/{agent}` ends the instance of an agent's object, `/abort-gate/{key}` that of a key's.
 */
import { DurableObject } from "cloudflare:workers";
import service, { Agent as ProductionAgent, Gate as ProductionGate, Task as ProductionTask } from "../../src/index.ts";
import type { Cost } from "../../src/tasks/object/journal.ts";

type Env = Cloudflare.Env;

// Those below stand in for theirs.
export * from "../../src/index.ts";

export interface ServiceMeter {
  readonly d1RowsWritten: number;
}

/** Of a task's object, over all its instances. */
export interface TaskMeter extends Readonly<Cost> {
  readonly journalRows: number;
}

/** Of an agent's object, over all its instances. */
export interface AgentMeter {
  instances: number;
  /** Everything that woke it or found it awake: calls, alarms, connections. */
  requests: number;
  /** Queue messages with outcomes of its calls. */
  messages: number;
}

let d1RowsWritten = 0;
const agentMeters = new Map<string, AgentMeter>();
/** What every instance of a task's object has cost, by the object's id. */
const taskCosts = new Map<string, Readonly<Cost>[]>();

function meterOf(id: DurableObjectId): AgentMeter {
  let meter = agentMeters.get(id.toString());
  if (meter === undefined) agentMeters.set(id.toString(), (meter = { instances: 0, requests: 0, messages: 0 }));
  return meter;
}

/** The database, counting what each statement wrote as D1 reports it. */
function counted(db: D1Database): D1Database {
  const originals = new WeakMap<object, D1PreparedStatement>();
  const count = <R extends D1Result>(result: R): R => {
    d1RowsWritten += result.meta.rows_written;
    return result;
  };
  const wrap = (statement: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(statement.bind(...values)),
      run: async () => count(await statement.run()),
      all: async () => count(await statement.all()),
      raw: (options?: { columnNames?: false }) => statement.raw(options),
      first: (column: string) => statement.first(column),
    } as D1PreparedStatement;
    originals.set(wrapped, statement);
    return wrapped;
  };
  return {
    prepare: (sql: string) => wrap(db.prepare(sql)),
    batch: async (statements: D1PreparedStatement[]) =>
      (await db.batch(statements.map((statement) => originals.get(statement) ?? statement))).map(count),
  } as D1Database;
}

/** The history queue, counting messages with outcomes. */
function countedQueue({ HISTORY, AGENTS }: Env): Env["HISTORY"] {
  const count = (body: Parameters<Env["HISTORY"]["send"]>[0]): void => {
    if ("outcomes" in body) meterOf(AGENTS.idFromName(`${body.tenant}/${body.agent}`)).messages++;
  };
  return {
    send: (body, options) => {
      count(body);
      return HISTORY.send(body, options);
    },
    sendBatch: (given, options) => {
      const messages = [...given];
      for (const { body } of messages) count(body);
      return HISTORY.sendBatch(messages, options);
    },
    metrics: () => HISTORY.metrics(),
  };
}

let metered: Env | undefined;
const meteredEnv = (env: Env): Env => (metered ??= { ...env, DB: counted(env.DB), HISTORY: countedQueue(env) });

export class Task extends ProductionTask {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, meteredEnv(env));
    const id = ctx.id.toString();
    taskCosts.set(id, [...(taskCosts.get(id) ?? []), this.cost]);
  }

  meter(): TaskMeter {
    const { rows } = this.ctx.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM journal").one();
    const costs = taskCosts.get(this.ctx.id.toString()) ?? [];
    return {
      rowsWritten: costs.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
      alarmsSet: costs.reduce((sum, { alarmsSet }) => sum + alarmsSet, 0),
      journalRows: rows,
    };
  }
}

export class Agent extends ProductionAgent {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, meteredEnv(env));
    meterOf(ctx.id).instances++;
  }

  abort(): void {
    this.ctx.abort("aborted by the bench");
  }

  /** Whatever can be asked of the object is counted, what it asks of itself in doing so too. */
  static {
    for (let from: object = ProductionAgent.prototype; from !== DurableObject.prototype; from = Object.getPrototypeOf(from) as object) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(from))) {
        if (name === "constructor" || typeof value !== "function" || Object.hasOwn(this.prototype, name)) continue;
        Object.defineProperty(this.prototype, name, {
          value(this: Agent, ...given: unknown[]): unknown {
            meterOf(this.ctx.id).requests++;
            return Reflect.apply(value, this, given);
          },
        });
      }
    }
  }
}

export class Gate extends ProductionGate {
  abort(): void {
    this.ctx.abort("aborted by the bench");
  }
}

async function measure(path: string, env: Env): Promise<object> {
  const [, kind, name] = /^\/meter(?:\/(tasks|agents)\/(.+))?$/.exec(path) ?? [];
  if (name === undefined) return { d1RowsWritten } satisfies ServiceMeter;
  if (kind === "agents") return meterOf(env.AGENTS.idFromName(`default/${name}`));
  const stub = env.TASKS.getByName(`default/${name}`) as unknown as { meter(): Promise<TaskMeter> };
  return stub.meter();
}

export default {
  ...service,
  async fetch(request, env, ctx): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/meter")) return Response.json(await measure(pathname, env));
    const [, of, name] = /^\/abort(-gate)?\/(.+)$/.exec(pathname) ?? [];
    if (name === undefined) return service.fetch(request, meteredEnv(env), ctx);
    const stub = (of === undefined ? env.AGENTS : env.GATES).getByName(`default/${name}`) as unknown as { abort(): Promise<void> };
    // Who asks it to die hears that it died.
    return Response.json({ answer: await stub.abort().then(() => "alive", String) });
  },
  queue: (batch, env) => service.queue(batch, meteredEnv(env)),
} satisfies ExportedHandler<Env>;
