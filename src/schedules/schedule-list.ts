/** The schedules of a tenant in D1: listed and counted. What each of them does is known to its object. */
import { and, asc, eq, gt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { LIMITS } from "./limits.ts";
import type { ScheduleHead } from "./schedule.ts";
import type { ScheduleName } from "./schedule-contract.ts";
import { schedules } from "./tables.ts";

export class ScheduleList {
  readonly #db: DrizzleD1Database;

  constructor(db: DrizzleD1Database) {
    this.#db = db;
  }

  /** In the order of names, after one. */
  async page(tenant: string, after: string | null, limit: number): Promise<readonly ScheduleHead[]> {
    const rows = await this.#db
      .select({ head: schedules.head })
      .from(schedules)
      .where(and(eq(schedules.tenant, tenant), after === null ? undefined : gt(schedules.name, after)))
      .orderBy(asc(schedules.name))
      .limit(limit);
    return rows.map(({ head }) => head);
  }

  /** A name that is not here is no schedule's; one that is may be of one that has just been deleted. */
  async has({ tenant, schedule }: ScheduleName): Promise<boolean> {
    const row = await this.#db.select({ name: schedules.name }).from(schedules).where(at(tenant, schedule)).get();
    return row !== undefined;
  }

  /** Counted and written in one statement, so that no two pass the limit together. `false`: it is new, and there is no room. */
  async put(tenant: string, head: ScheduleHead): Promise<boolean> {
    const result = await this.#db.run(sql`
      insert into schedules (tenant, name, head)
      select ${tenant}, ${head.name}, ${JSON.stringify(head)}
      where exists (select 1 from schedules where tenant = ${tenant} and name = ${head.name})
        or (select count(*) from schedules where tenant = ${tenant}) < ${LIMITS.schedulesPerTenant}
      on conflict (tenant, name) do update set head = excluded.head`);
    return result.meta.changes > 0;
  }

  async remove({ tenant, schedule }: ScheduleName): Promise<void> {
    await this.#db.delete(schedules).where(at(tenant, schedule));
  }
}

const at = (tenant: string, name: string) => and(eq(schedules.tenant, tenant), eq(schedules.name, name));
