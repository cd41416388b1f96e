/** The rows of tasks in D1: written in any order, any number of times; listed by what their indexes hold. */
import { and, desc, eq, gte, lt, sql, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { headFromHistory, type TaskHead } from "../views/view.ts";
import type { HistoryRow } from "./port.ts";
import type { Statements } from "./statements.ts";
import { tasks, taskTags } from "./tables.ts";

export interface TaskFilter {
  readonly status?: TaskHead["status"] | undefined;
  readonly type?: string | undefined;
  readonly tag?: string | undefined;
  /** The task that started them. */
  readonly parent?: string | undefined;
  /** Who submitted them: `type:id`. */
  readonly by?: string | undefined;
  /** Milliseconds; inclusive. */
  readonly createdAfter?: number | undefined;
  /** Milliseconds; exclusive. */
  readonly createdBefore?: number | undefined;
}

/** Where a page ends: newest first. */
export interface TaskPosition {
  readonly createdAt: number;
  readonly id: string;
}

export class TaskRows {
  readonly #db: DrizzleD1Database;
  readonly #statements: Statements;

  constructor(db: DrizzleD1Database, statements: Statements) {
    this.#db = db;
    this.#statements = statements;
  }

  async write(rows: readonly HistoryRow[]): Promise<void> {
    if (rows.length > 0) await this.#statements.run(this.#statements.upsertTasks(rows));
  }

  async find(tenant: string, id: string): Promise<{ readonly head: TaskHead; readonly fingerprint: string | null } | null> {
    const row = await this.#db
      .select({ head: tasks.head, fingerprint: tasks.fingerprint })
      .from(tasks)
      .where(and(eq(tasks.tenant, tenant), eq(tasks.id, id)))
      .get();
    return row === undefined ? null : { ...row, head: headFromHistory(row.head) };
  }

  /** The newest tasks that match, after a position. */
  async list(tenant: string, filter: TaskFilter, after: TaskPosition | null, limit: number): Promise<readonly TaskHead[]> {
    const rows = await this.listQuery(tenant, filter, after, limit);
    return rows.map((row) => headFromHistory(row.head));
  }

  /** As `list`, of tasks that have one of these statuses: a task that changes from one to another meanwhile is not missed. */
  async listAny(
    tenant: string,
    filter: TaskFilter,
    statuses: readonly TaskHead["status"][],
    after: TaskPosition | null,
    limit: number,
  ): Promise<readonly TaskHead[]> {
    const [first, ...rest] = statuses.map((status) => this.listQuery(tenant, { ...filter, status }, after, limit));
    if (first === undefined) return [];
    const rows = (await this.#db.batch([first, ...rest])).flat();
    return rows
      .map((row) => headFromHistory(row.head))
      .toSorted((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at) || (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  /** The query behind `list`, on its own so that a test can ask for its plan. */
  listQuery(tenant: string, filter: TaskFilter, after: TaskPosition | null, limit: number) {
    const { tag } = filter;
    if (tag === undefined) {
      return this.#db
        .select({ head: tasks.head })
        .from(tasks)
        .where(and(eq(tasks.tenant, tenant), ...sameForBoth(filter), ...inTime(tasks, filter, after)))
        .orderBy(desc(tasks.createdAt), desc(tasks.id))
        .limit(limit);
    }
    return this.#db
      .select({ head: tasks.head })
      .from(taskTags)
      .innerJoin(tasks, and(eq(tasks.tenant, taskTags.tenant), eq(tasks.id, taskTags.id)))
      .where(and(eq(taskTags.tenant, tenant), eq(taskTags.tag, tag), ...sameForBoth(filter), ...inTime(taskTags, filter, after)))
      .orderBy(desc(taskTags.createdAt), desc(taskTags.id))
      .limit(limit);
  }

  /** Tasks that wait for an agent with one of these names (its id and its capabilities). */
  async waitingFor(tenant: string, names: readonly string[], limit: number): Promise<readonly string[]> {
    const rows = await this.#db
      .select({ id: tasks.id })
      .from(tasks)
      .where(
        and(
          eq(tasks.tenant, tenant),
          eq(tasks.status, "waiting"),
          sql`${tasks.waitingFor} in (select value from json_each(${JSON.stringify(names)}))`,
        ),
      )
      .limit(limit);
    return rows.map((row) => row.id);
  }
}

function sameForBoth({ status, type, parent, by }: TaskFilter): (SQL | undefined)[] {
  return [
    status === undefined ? undefined : eq(tasks.status, status),
    type === undefined ? undefined : eq(tasks.type, type),
    parent === undefined ? undefined : eq(tasks.parent, parent),
    by === undefined ? undefined : eq(tasks.actor, by),
  ];
}

function inTime(table: typeof tasks | typeof taskTags, filter: TaskFilter, after: TaskPosition | null): (SQL | undefined)[] {
  const { createdAfter, createdBefore } = filter;
  return [
    createdAfter === undefined ? undefined : gte(table.createdAt, createdAfter),
    createdBefore === undefined ? undefined : lt(table.createdAt, createdBefore),
    after === null ? undefined : sql`(${table.createdAt}, ${table.id}) < (${after.createdAt}, ${after.id})`,
  ];
}
