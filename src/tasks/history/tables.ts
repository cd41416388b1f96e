/** PERSISTED. A projection of the tasks' journals: losing it loses no running task. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { ApprovalStatus, StoredApproval } from "../views/approval-view.ts";
import type { StoredHead, TaskHead } from "../views/view.ts";

/** One row per task, written when its status changes; `seq` orders the writes. */
export const tasks = sqliteTable(
  "tasks",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    seq: integer().notNull(),
    status: text().$type<TaskHead["status"]>().notNull(),
    type: text(),
    createdAt: integer("created_at").notNull(),
    finishedAt: integer("finished_at"),
    /** The capability or agent that a waiting task lacks, so that a registration finds it. */
    waitingFor: text("waiting_for"),
    fingerprint: text(),
    head: text({ mode: "json" }).$type<StoredHead>().notNull(),
    /** The task that started it. */
    parent: text(),
    /** Who submitted it: `type:id`. */
    actor: text(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.id] }),
    index("tasks_by_time").on(table.tenant, table.createdAt, table.id),
    index("tasks_by_status").on(table.tenant, table.status, table.createdAt, table.id),
    // Tasks of an inline workflow have no type and need no entry.
    index("tasks_by_type")
      .on(table.tenant, table.type, table.createdAt, table.id)
      .where(sql`type is not null`),
    index("tasks_by_parent")
      .on(table.tenant, table.parent, table.createdAt, table.id)
      .where(sql`parent is not null`),
    index("tasks_by_actor")
      .on(table.tenant, table.actor, table.createdAt, table.id)
      .where(sql`actor is not null`),
  ],
);

/** What tasks ask people; `seq` orders the writes. */
export const approvals = sqliteTable(
  "approvals",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    task: text().notNull(),
    seq: integer().notNull(),
    status: text().$type<ApprovalStatus>().notNull(),
    createdAt: integer("created_at").notNull(),
    head: text({ mode: "json" }).$type<StoredApproval>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.id] }),
    index("approvals_by_status").on(table.tenant, table.status, table.createdAt, table.id),
    index("approvals_by_task").on(table.tenant, table.task, table.createdAt, table.id),
  ],
);

export const taskTags = sqliteTable(
  "task_tags",
  {
    tenant: text().notNull(),
    tag: text().notNull(),
    createdAt: integer("created_at").notNull(),
    id: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.tag, table.createdAt, table.id] })],
);

/** A finished task, as NDJSON cut into parts at line ends. */
export const archiveParts = sqliteTable(
  "archive_parts",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    part: integer().notNull(),
    /** The first event in this part, or 0. */
    firstSeq: integer("first_seq").notNull(),
    body: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.id, table.part] })],
);
