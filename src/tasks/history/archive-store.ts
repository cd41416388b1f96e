/** Archives of finished tasks: D1 with KV in front, and the purge that bounds both. */
import { and, asc, eq, isNotNull, lt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";
import type { ApprovalRow, ArchivePart, FinishedTask, HistoryRow } from "./port.ts";
import type { Statements } from "./statements.ts";
import { approvals, archiveParts, tasks, taskTags } from "./tables.ts";

export class ArchiveStore {
  readonly #db: DrizzleD1Database;
  readonly #statements: Statements;
  readonly #kv: KVNamespace;

  constructor(db: DrizzleD1Database, statements: Statements, kv: KVNamespace) {
    this.#db = db;
    this.#statements = statements;
    this.#kv = kv;
  }

  /** Stores the last rows of tasks and their archives. Doing it again changes nothing. */
  async write(finished: readonly FinishedTask[]): Promise<void> {
    const firsts: D1PreparedStatement[] = [];
    const others: D1PreparedStatement[] = [];
    for (const { row, parts } of finished) {
      for (const part of parts) (part.part === 0 ? firsts : others).push(this.#statements.insertPart(row.tenant, row.head.id, part));
    }
    // Rows come with the first parts: small tasks are one transaction. Large ones follow part by part.
    const rows = this.#statements.upsertTasks(finished.map(({ row }) => row));
    const asked = this.#statements.upsertApprovals(finished.flatMap(({ approvals }) => approvals));
    await this.#statements.run([...rows, ...asked, ...firsts]);
    for (const part of others) await this.#statements.run([part]);
  }

  /** Stores a task's row and what it asks people. Doing it again changes nothing. */
  async writeRow(row: HistoryRow, asked: readonly ApprovalRow[]): Promise<void> {
    await this.#statements.run([...this.#statements.upsertTasks([row]), ...this.#statements.upsertApprovals(asked)]);
  }

  /** Stores a task that ended elsewhere, all of it or nothing. Doing it again changes nothing. */
  async importTask(row: HistoryRow, parts: readonly ArchivePart[]): Promise<void> {
    await this.#statements.run([
      ...parts.map((part) => this.#statements.insertPart(row.tenant, row.head.id, part)),
      ...this.#statements.upsertTasks([row]),
    ]);
  }

  /** The parts of an archive in order, or `null` when there is none. */
  async read(tenant: string, id: string): Promise<readonly string[] | null> {
    const key = archiveKey(tenant, id);
    const cached = await this.#kv.get<readonly string[]>(key, "json").catch(() => null);
    if (cached !== null) return cached;
    const rows = await this.#db
      .select({ body: archiveParts.body })
      .from(archiveParts)
      .where(and(eq(archiveParts.tenant, tenant), eq(archiveParts.id, id)))
      .orderBy(asc(archiveParts.part));
    if (rows.length === 0) return null;
    const bodies = rows.map((row) => row.body);
    if (bodies.reduce((sum, body) => sum + body.length, 0) <= LIMITS.archiveCacheBytes) {
      await this.#kv.put(key, JSON.stringify(bodies), { expirationTtl: LIMITS.archiveCacheSeconds }).catch((error: unknown) => {
        log("warn", "archive not cached", { id, error: messageOf(error) });
      });
    }
    return bodies;
  }

  /** Deletes finished tasks that are older than `before`, a bounded number at a time; answers how many. */
  async purge(before: number): Promise<number> {
    const expired = await this.#db
      .select({ tenant: tasks.tenant, id: tasks.id })
      .from(tasks)
      .where(and(isNotNull(tasks.finishedAt), lt(tasks.finishedAt, before)))
      .limit(LIMITS.purgeRows);
    if (expired.length === 0) return 0;
    await this.#remove(expired);
    return expired.length;
  }

  /** All that is kept of a task. Doing it again changes nothing. Elsewhere its archive may be read for as long as KV caches it. */
  async remove(tenant: string, id: string): Promise<void> {
    await this.#remove([{ tenant, id }]);
    await this.#kv.delete(archiveKey(tenant, id));
  }

  async #remove(named: readonly { readonly tenant: string; readonly id: string }[]): Promise<void> {
    const keys = JSON.stringify(named.map(({ tenant, id }) => [tenant, id]));
    const isNamed = (table: typeof tasks | typeof taskTags | typeof archiveParts) =>
      sql`(${table.tenant}, ${table.id}) in (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(${keys}))`;
    await this.#db.batch([
      this.#db
        .delete(approvals)
        .where(
          sql`(${approvals.tenant}, ${approvals.task}) in (select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(${keys}))`,
        ),
      this.#db.delete(archiveParts).where(isNamed(archiveParts)),
      this.#db.delete(taskTags).where(isNamed(taskTags)),
      this.#db.delete(tasks).where(isNamed(tasks)),
    ]);
  }
}

const archiveKey = (tenant: string, id: string): string => `archive/${tenant}/${id}`;
