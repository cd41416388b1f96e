/** Registered workflows: immutable versions in D1. A name's newest version is what a task of that type starts with. */
import { and, asc, count, desc, eq, gt, lt, max } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { rejection, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "../shared/limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { BUILTIN_WORKFLOWS, builtinWorkflow } from "./builtin.ts";
import { workflows } from "./tables.ts";

export interface WorkflowVersion {
  readonly name: string;
  readonly version: number;
  /** JSON text. */
  readonly definition: string;
  readonly createdAt: number;
}

export interface WorkflowSummary {
  readonly name: string;
  readonly version: number;
  readonly createdAt: number;
}

export class WorkflowRegistry {
  readonly #db: DrizzleD1Database;

  constructor(db: DrizzleD1Database) {
    this.#db = db;
  }

  /** The newest version of a name. Always asked of D1: who registers a version expects the next task to run it. */
  async latest(tenant: string, name: string): Promise<WorkflowVersion | null> {
    const builtin = builtinWorkflow(name);
    if (builtin !== null) return builtin;
    const row = await this.#db.select().from(workflows).where(named(tenant, name)).orderBy(desc(workflows.version)).limit(1).get();
    return row ?? null;
  }

  async version(tenant: string, name: string, version: number): Promise<WorkflowVersion | null> {
    const builtin = builtinWorkflow(name);
    if (builtin !== null) return builtin.version === version ? builtin : null;
    const row = await this.#db
      .select()
      .from(workflows)
      .where(and(named(tenant, name), eq(workflows.version, version)))
      .get();
    return row ?? null;
  }

  /** Newest first, before a version. */
  async versions(tenant: string, name: string, before: number | null, limit: number): Promise<readonly WorkflowSummary[]> {
    const builtin = builtinWorkflow(name);
    if (builtin !== null) return before === null ? [builtin] : [];
    return this.#db
      .select({ name: workflows.name, version: workflows.version, createdAt: workflows.createdAt })
      .from(workflows)
      .where(and(named(tenant, name), before === null ? undefined : lt(workflows.version, before)))
      .orderBy(desc(workflows.version))
      .limit(limit);
  }

  /** Names with their newest versions, in order, after a name. Built-in ones come first. */
  async list(tenant: string, after: string | null, limit: number): Promise<readonly WorkflowSummary[]> {
    const isAfterBuiltins = after !== null && builtinWorkflow(after) === null;
    const builtins = after === null ? BUILTIN_WORKFLOWS : [];
    const rows = await this.#db
      .select({ name: workflows.name, version: max(workflows.version), createdAt: max(workflows.createdAt) })
      .from(workflows)
      .where(and(eq(workflows.tenant, tenant), isAfterBuiltins ? gt(workflows.name, after) : undefined))
      .groupBy(workflows.name)
      .orderBy(asc(workflows.name))
      .limit(limit);
    return [...builtins, ...rows.map((row) => ({ name: row.name, version: row.version ?? 0, createdAt: row.createdAt ?? 0 }))].slice(
      0,
      limit,
    );
  }

  /**
   * Registers a definition as the name's next version; the same definition again stays the version it is. `expected`, if
   * given, is the version that the caller believes to be the newest (0: none).
   */
  async register(
    tenant: string,
    name: string,
    definition: string,
    expected: number | null,
    now: number,
  ): Promise<Result<WorkflowVersion & { readonly isNew: boolean }, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow; choose another name`));
    const latest = await this.latest(tenant, name);
    if (expected !== null && expected !== (latest?.version ?? 0)) return err(changed(name, latest?.version ?? 0, expected));
    if (latest?.definition === definition) return ok({ ...latest, isNew: false });
    const full = await this.#limitReached(tenant, latest);
    if (full !== null) return err(full);
    const row = { tenant, name, version: (latest?.version ?? 0) + 1, definition, createdAt: now };
    const inserted = await this.#db.insert(workflows).values(row).onConflictDoNothing().run();
    // Somebody else was faster: their version is the newest now, and the same rules apply to it.
    if (inserted.meta.changes === 0) return this.register(tenant, name, definition, expected, now);
    return ok({ ...row, isNew: true });
  }

  /** Whether there was something to delete. Tasks that have started keep their definition. */
  async delete(tenant: string, name: string, expected: number | null): Promise<Result<boolean, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow and stays`));
    const latest = await this.latest(tenant, name);
    if (latest === null) return ok(false);
    if (expected !== null && expected !== latest.version) return err(changed(name, latest.version, expected));
    await this.#db.delete(workflows).where(named(tenant, name));
    return ok(true);
  }

  async #limitReached(tenant: string, latest: WorkflowVersion | null): Promise<Rejection | null> {
    if (latest !== null) {
      if (latest.version < LIMITS.versionsPerWorkflow) return null;
      return rejection("limit_reached", `A workflow has at most ${LIMITS.versionsPerWorkflow} versions; delete it or use another name`);
    }
    const names = this.#db.selectDistinct({ name: workflows.name }).from(workflows).where(eq(workflows.tenant, tenant)).as("names");
    const row = await this.#db.select({ names: count() }).from(names).get();
    if ((row?.names ?? 0) < LIMITS.workflowsPerTenant) return null;
    return rejection("limit_reached", `A tenant has at most ${LIMITS.workflowsPerTenant} workflows; delete one first`);
  }
}

const named = (tenant: string, name: string) => and(eq(workflows.tenant, tenant), eq(workflows.name, name));

function changed(name: string, actual: number, expected: number): Rejection {
  return rejection("precondition_failed", `Workflow "${name}" is at version ${actual}, not ${expected}; read it again`);
}
