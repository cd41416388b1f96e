/** The schedules of a tenant in D1: listed and counted. What each of them does is known to its object. */
import { and, asc, eq, exists, gt, lt, or } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../records/limit.ts";
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

  /** One that is here may be of a schedule that has just been deleted; one that is not, of one that this has lost. */
  async has({ tenant, schedule }: ScheduleName): Promise<boolean> {
    const row = await this.#db.select({ name: schedules.name }).from(schedules).where(at(tenant, schedule)).get();
    return row !== undefined;
  }

  /** `false`: it is new, and there is no room. */
  async put(tenant: string, head: ScheduleHead): Promise<boolean> {
    const { name } = head;
    const isKnown = exists(this.#db.select({ name: schedules.name }).from(schedules).where(at(tenant, name)));
    const isRoom = lt(this.#db.$count(schedules, eq(schedules.tenant, tenant)), LIMITS.schedulesPerTenant);
    const result = await insertWhere(this.#db, schedules, { tenant, name, head }, or(isKnown, isRoom))
      .onConflictDoUpdate({ target: [schedules.tenant, schedules.name], set: { head } })
      .run();
    return result.meta.changes > 0;
  }

  async remove({ tenant, schedule }: ScheduleName): Promise<void> {
    await this.#db.delete(schedules).where(at(tenant, schedule));
  }
}

const at = (tenant: string, name: string) => and(eq(schedules.tenant, tenant), eq(schedules.name, name));
