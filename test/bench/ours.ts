/** The service as it is, with its meters readable: `/meter` for D1, `/meter/{task}` for the task's object. */
import service, { Task as ProductionTask } from "../../src/index.ts";
import type { Env } from "../../src/env.ts";

let d1RowsWritten = 0;

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

let metered: Env | undefined;
const meteredEnv = (env: Env): Env => (metered ??= { ...env, DB: counted(env.DB) });

export class Task extends ProductionTask {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, meteredEnv(env));
  }

  /** What the object has cost since its instance began. */
  meter(): { readonly rowsWritten: number; readonly alarmsSet: number; readonly journalRows: number } {
    const { rows } = this.ctx.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM journal").one();
    return { ...this.cost, journalRows: rows };
  }
}

export default {
  ...service,
  async fetch(request, env, ctx): Promise<Response> {
    const [, path, task] = /^\/(meter)(?:\/(.+))?$/.exec(new URL(request.url).pathname) ?? [];
    if (path === undefined) return service.fetch(request, meteredEnv(env), ctx);
    if (task === undefined) return Response.json({ d1RowsWritten });
    const stub = env.TASKS.getByName(`default/${task}`) as unknown as { meter(): Promise<object> };
    return Response.json(await stub.meter());
  },
  queue: (batch, env) => service.queue(batch, meteredEnv(env)),
} satisfies ExportedHandler<Env>;
