/**
 * The statements that write history. Building one takes longer than running it, so each is built once, and what it
 * writes comes as parameters.
 */
import { sql, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { LIMITS } from "../limits.ts";
import { actorKey } from "../views/by-view.ts";
import type { StoredHead } from "../views/view.ts";
import type { ApprovalRow, ArchivePart, HistoryRow } from "./port.ts";
import { approvals, archiveParts, tasks, taskTags } from "./tables.ts";

export class Statements {
  readonly #client: D1Database;
  readonly #upsertTasks: string;
  readonly #insertTags: string;
  readonly #insertPart: string;
  readonly #upsertApprovals: string;

  constructor(db: DrizzleD1Database & { readonly $client: D1Database }) {
    this.#client = db.$client;
    const parameter = sql.placeholder("json");
    this.#upsertTasks = db
      .insert(tasks)
      // In the order of the table's columns. `where true` keeps SQLite from reading `on` as a join's.
      .select(
        sql`select value ->> 'tenant', value ->> 'id', value ->> 'seq', value ->> 'status', value ->> 'type', value ->> 'created_at',
          value ->> 'finished_at', value ->> 'waiting_for', value ->> 'fingerprint', value ->> 'head', value ->> 'parent', value ->> 'actor' from json_each(${parameter}) where true`,
      )
      .onConflictDoUpdate({
        target: [tasks.tenant, tasks.id],
        set: {
          seq: excluded("seq"),
          status: excluded("status"),
          finishedAt: excluded("finished_at"),
          waitingFor: excluded("waiting_for"),
          head: excluded("head"),
        },
        setWhere: sql`excluded.seq > ${tasks.seq}`,
      })
      .toSQL().sql;
    this.#insertTags = db
      .insert(taskTags)
      .select(
        sql`select task.value ->> 'tenant', tag.value, task.value ->> 'created_at', task.value ->> 'id'
          from json_each(${parameter}) as task, json_each(task.value, '$.tags') as tag where true`,
      )
      .onConflictDoNothing()
      .toSQL().sql;
    this.#upsertApprovals = db
      .insert(approvals)
      .select(
        sql`select value ->> 'tenant', value ->> 'id', value ->> 'task', value ->> 'seq', value ->> 'status', value ->> 'created_at',
          value ->> 'head' from json_each(${parameter}) where true`,
      )
      .onConflictDoUpdate({
        target: [approvals.tenant, approvals.id],
        set: { seq: excluded("seq"), status: excluded("status"), head: excluded("head") },
        setWhere: sql`excluded.seq > ${approvals.seq}`,
      })
      .toSQL().sql;
    this.#insertPart = db
      .insert(archiveParts)
      .values({
        tenant: sql.placeholder("tenant"),
        id: sql.placeholder("id"),
        part: sql.placeholder("part"),
        firstSeq: sql.placeholder("first_seq"),
        body: sql.placeholder("body"),
      })
      .onConflictDoNothing()
      .toSQL().sql;
  }

  /** Brings tasks' rows up to `rows`, each unless it is ahead already. However many there are, they are one parameter. */
  upsertTasks(rows: readonly HistoryRow[]): readonly D1PreparedStatement[] {
    const values = rows.map(({ tenant, seq, head, waiting_for, fingerprint, parent, imported_at }) => ({
      tenant,
      id: head.id,
      seq,
      status: head.status,
      type: head.type,
      created_at: Date.parse(head.created_at),
      finished_at: imported_at ?? (head.finished_at === null ? null : Date.parse(head.finished_at)),
      waiting_for,
      fingerprint,
      parent: parent ?? null,
      actor: submitterKey(head),
      head: JSON.stringify(head),
      tags: head.tags,
    }));
    const texts = values.some(({ tags }) => tags.length > 0) ? [this.#upsertTasks, this.#insertTags] : [this.#upsertTasks];
    return texts.map((text) => this.#client.prepare(text).bind(JSON.stringify(values)));
  }

  /** The same for what people are asked, as many of them as a parameter may hold at a time. */
  upsertApprovals(rows: readonly ApprovalRow[]): readonly D1PreparedStatement[] {
    const statements: D1PreparedStatement[] = [];
    for (let from = 0; from < rows.length; from += LIMITS.approvalsPerMessage) {
      statements.push(this.#upsertSome(rows.slice(from, from + LIMITS.approvalsPerMessage)));
    }
    return statements;
  }

  #upsertSome(rows: readonly ApprovalRow[]): D1PreparedStatement {
    const values = rows.map(({ tenant, seq, head }) => ({
      tenant,
      id: head.id,
      task: head.task_id,
      seq,
      status: head.status,
      created_at: Date.parse(head.requested_at),
      head: JSON.stringify(head),
    }));
    return this.#client.prepare(this.#upsertApprovals).bind(JSON.stringify(values));
  }

  insertPart(tenant: string, id: string, { part, first_seq, body }: ArchivePart): D1PreparedStatement {
    return this.#client.prepare(this.#insertPart).bind(tenant, id, part, first_seq, body);
  }

  /** All or nothing. */
  async run(statements: readonly D1PreparedStatement[]): Promise<void> {
    await this.#client.batch([...statements]);
  }
}

/** A row may come from an object that runs the version before this one. */
function submitterKey({ by }: StoredHead): string | null {
  return by === undefined || by === null ? null : actorKey(by);
}

const excluded = (column: string): SQL => sql.raw(`excluded.${column}`);
