/** The service as it is, with its meter readable. */
import service, { Task as ProductionTask } from "../../src/index.ts";
import type { Env } from "../../src/env.ts";

export class Task extends ProductionTask {
  /** What the object has cost since its instance began. */
  meter(): { readonly rowsWritten: number; readonly alarmsSet: number; readonly journalRows: number } {
    const { rows } = this.ctx.storage.sql.exec<{ rows: number }>("SELECT count(*) AS rows FROM journal").one();
    return { ...this.cost, journalRows: rows };
  }
}

export default {
  ...service,
  async fetch(request, env, ctx): Promise<Response> {
    const metered = /^\/meter\/(.+)$/.exec(new URL(request.url).pathname)?.[1];
    if (metered === undefined) return service.fetch(request, env, ctx);
    const stub = env.TASKS.getByName(`default/${metered}`) as unknown as { meter(): Promise<object> };
    return Response.json(await stub.meter());
  },
} satisfies ExportedHandler<Env>;
