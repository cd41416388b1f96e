/** What tasks ask people, in D1: written in any order, listed by status or by task. */
import { and, desc, eq, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { approvalFromHistory, type ApprovalHead, type ApprovalStatus } from "../views/approval-view.ts";
import type { ApprovalRow } from "./port.ts";
import type { Statements } from "./statements.ts";
import { approvals } from "./tables.ts";

export interface ApprovalFilter {
  readonly status?: ApprovalStatus | undefined;
  readonly task?: string | undefined;
}

/** Where a page ends: newest first. */
export interface ApprovalPosition {
  readonly createdAt: number;
  readonly id: string;
}

export class ApprovalRows {
  readonly #db: DrizzleD1Database;
  readonly #statements: Statements;

  constructor(db: DrizzleD1Database, statements: Statements) {
    this.#db = db;
    this.#statements = statements;
  }

  async write(rows: readonly ApprovalRow[]): Promise<void> {
    if (rows.length > 0) await this.#statements.run(this.#statements.upsertApprovals(rows));
  }

  async list(tenant: string, filter: ApprovalFilter, after: ApprovalPosition | null, limit: number): Promise<readonly ApprovalHead[]> {
    const rows = await this.#db
      .select({ head: approvals.head })
      .from(approvals)
      .where(
        and(
          eq(approvals.tenant, tenant),
          filter.status === undefined ? undefined : eq(approvals.status, filter.status),
          filter.task === undefined ? undefined : eq(approvals.task, filter.task),
          after === null ? undefined : sql`(${approvals.createdAt}, ${approvals.id}) < (${after.createdAt}, ${after.id})`,
        ),
      )
      .orderBy(desc(approvals.createdAt), desc(approvals.id))
      .limit(limit);
    return rows.map(({ head }) => approvalFromHistory(head));
  }
}
