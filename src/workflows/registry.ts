/**
 * Registered workflows: immutable versions in D1. A name's newest version is what a task of that type starts with, unless
 * the type says another. A number is given once, whatever was deleted since.
 */
import type { Expected } from "../shared/expected.ts";
import { and, asc, desc, eq, gt, lt, max, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere, reachedLimit, roomIn } from "../records/limit.ts";
import { overLatest, unexpected } from "../records/revision.ts";
import type { By } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { parseReference } from "../language/workflow-reference.ts";
import { builtinWorkflow, builtinWorkflows } from "./builtin.ts";
import { channelsOf, versionOn, type Channels } from "./channels.ts";
import { readDescriptions, type WorkflowDescription } from "./descriptions.ts";
import { ofName, readName } from "./names.ts";
import { workflowNames, workflows } from "./tables.ts";
import { malformedReference, unknownChannel, unknownName, unknownVersion } from "./unknown-reference.ts";
import { named, versionLimits } from "./version-limits.ts";

export interface WorkflowVersion {
  readonly name: string;
  readonly version: number;
  /** JSON text. */
  readonly definition: string;
  readonly createdAt: number;
  /** `null` where that was not recorded. A version never changes, so nobody has changed it. */
  readonly createdBy: By | null;
}

export type WorkflowSummary = Omit<WorkflowVersion, "definition">;

/** A name with its newest version. */
export interface WorkflowListing extends WorkflowSummary {
  readonly channels: Channels;
}

export class WorkflowRegistry {
  readonly #db: DrizzleD1Database;

  constructor(db: DrizzleD1Database) {
    this.#db = db;
  }

  /**
   * The version that a reference means now. Where a channel shares its starts with another, `seed` decides, and decides
   * the same way again.
   */
  async resolve(tenant: string, text: string, seed: string): Promise<Result<WorkflowVersion, Rejection>> {
    const reference = parseReference(text);
    if (reference === null) return err(malformedReference(text));
    const { name, selector } = reference;
    switch (selector.type) {
      case "latest": {
        const latest = await this.latest(tenant, name);
        return latest === null ? err(await this.#unknownName(tenant, name)) : ok(latest);
      }
      case "version": {
        const found = await this.version(tenant, name, selector.version);
        if (found !== null) return ok(found);
        const known = (await this.versions(tenant, name, null, LIMITS.defaultPageSize)).map(({ version }) => version);
        return err(known.length === 0 ? await this.#unknownName(tenant, name) : unknownVersion(name, selector.version, known));
      }
      case "channel": {
        const found = await this.#onChannel(tenant, name, selector.channel, seed);
        if (found !== null) return ok(found);
        if ((await this.versions(tenant, name, null, 1)).length === 0) return err(await this.#unknownName(tenant, name));
        const { channels } = await readName(this.#db, tenant, name);
        const known = channels.map(({ channel }) => channel);
        return err(unknownChannel(name, selector.channel, known));
      }
    }
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
      .select({ name: workflows.name, version: workflows.version, createdAt: workflows.createdAt, createdBy: workflows.createdBy })
      .from(workflows)
      .where(and(named(tenant, name), before === null ? undefined : lt(workflows.version, before)))
      .orderBy(desc(workflows.version))
      .limit(limit);
  }

  /** Names with their newest versions, in order, after a name. Built-in ones come first. */
  async list(tenant: string, after: string | null, limit: number): Promise<readonly WorkflowListing[]> {
    const at = builtinWorkflows().findIndex(({ name }) => name === after);
    const isAfterBuiltins = after !== null && at === -1;
    const builtins = isAfterBuiltins
      ? []
      : builtinWorkflows()
          .slice(at + 1)
          .map((workflow) => ({ ...workflow, channels: [] }));
    const rows = await this.#db
      .select({
        name: workflows.name,
        // The row that has the maximum gives the other columns their values.
        version: max(workflows.version),
        createdAt: workflows.createdAt,
        createdBy: workflows.createdBy,
        channels: workflowNames.channels,
      })
      .from(workflows)
      .leftJoin(workflowNames, and(eq(workflowNames.tenant, workflows.tenant), eq(workflowNames.name, workflows.name)))
      .where(and(eq(workflows.tenant, tenant), isAfterBuiltins ? gt(workflows.name, after) : undefined))
      .groupBy(workflows.name)
      .orderBy(asc(workflows.name))
      .limit(limit);
    const registered = rows.map(({ version, channels, ...row }) => ({ ...row, version: version ?? 0, channels: channels ?? [] }));
    return [...builtins, ...registered].slice(0, limit);
  }

  /** What to know of some of them to submit one. */
  async describe(tenant: string, listed: readonly WorkflowSummary[]): Promise<readonly WorkflowDescription[]> {
    return readDescriptions(this.#db, tenant, listed);
  }

  /**
   * Registers a definition as the name's next version; the same definition again stays the version it is. `expected`, if
   * given, is the version that the caller believes to be the newest (0: none).
   */
  async register(
    tenant: string,
    name: string,
    definition: string,
    expected: Expected,
    by: By,
    now: number,
  ): Promise<Result<WorkflowVersion & { readonly isNew: boolean }, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow; choose another name`));
    return overLatest(`Workflow "${name}" is`, async () => {
      const latest = await this.latest(tenant, name);
      const before = latest?.version ?? 0;
      const refusal = changed(name, before, expected);
      if (refusal !== null) return err(refusal);
      if (latest?.definition === definition) return ok({ ...latest, isNew: false });
      const { retired } = await readName(this.#db, tenant, name);
      const made = { name, version: Math.max(before, retired) + 1, definition, createdAt: now, createdBy: by };
      const limits = versionLimits(this.#db, tenant, name, before, retired);
      const newest = sql`(select max(version) from ${workflows} where ${named(tenant, name)})`;
      const used = sql`(select retired from ${workflowNames} where ${ofName(tenant, name)})`;
      const isAsRead = sql`coalesce(${newest}, 0) = ${before} and coalesce(${used}, 0) = ${retired}`;
      const inserted = await insertWhere(this.#db, workflows, { tenant, ...made }, and(isAsRead, roomIn(limits))).run();
      if (inserted.meta.changes > 0) return ok({ ...made, isNew: true });
      if (((await this.latest(tenant, name))?.version ?? 0) !== before) return "raced";
      const reached = await reachedLimit(this.#db, limits);
      return reached === null ? "raced" : err(reached);
    });
  }

  /** Whether there was something to delete. Tasks that have started keep their definition. */
  async delete(tenant: string, name: string, expected: Expected): Promise<Result<boolean, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow and stays`));
    const [latest] = await this.versions(tenant, name, null, 1);
    if (latest === undefined) return ok(false);
    const refusal = changed(name, latest.version, expected);
    if (refusal !== null) return err(refusal);
    await this.#db.batch([
      this.#retire(tenant, name),
      this.#db
        .update(workflowNames)
        .set({ channels: [], revision: sql`${workflowNames.revision} + 1` })
        .where(ofName(tenant, name)),
      this.#db.delete(workflows).where(named(tenant, name)),
    ]);
    return ok(true);
  }

  /** Whether there was such a version. One that a channel points to stays. */
  async deleteVersion(tenant: string, name: string, version: number, expected: Expected): Promise<Result<boolean, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow and stays`));
    return overLatest(`Workflow "${name}" is`, async () => {
      const [found] = await this.versions(tenant, name, version + 1, 1);
      if (found?.version !== version) return ok(false);
      const refusal = changed(name, version, expected);
      if (refusal !== null) return err(refusal);
      const { revision, channels } = await readName(this.#db, tenant, name);
      const pointing = channelsOf(channels, version);
      if (pointing.length > 0) {
        const detail = `Version ${version} of "${name}" is what these channels point to: ${pointing.join(", ")}; move or delete them first`;
        return err(rejection("in_use", detail, { facts: { channels: pointing } }));
      }
      const seen = sql`(select revision from ${workflowNames} where ${ofName(tenant, name)}) = ${revision}`;
      const [, deleted] = await this.#db.batch([
        this.#retire(tenant, name),
        this.#db.delete(workflows).where(and(named(tenant, name), eq(workflows.version, version), seen)),
      ]);
      // Else the channels have changed meanwhile, or somebody else has deleted it.
      return deleted.meta.changes > 0 ? ok(true) : "raced";
    });
  }

  /** Remembers the numbers that were given so far. Belongs into the transaction that deletes some of them. */
  #retire(tenant: string, name: string) {
    return this.#db
      .insert(workflowNames)
      .select(sql`select tenant, name, max(version), 0, '[]' from ${workflows} where ${named(tenant, name)} group by tenant, name`)
      .onConflictDoUpdate({
        target: [workflowNames.tenant, workflowNames.name],
        set: { retired: sql`max(${workflowNames.retired}, excluded.retired)` },
      });
  }

  async #onChannel(tenant: string, name: string, channel: string, seed: string): Promise<WorkflowVersion | null> {
    // Between the two reads the channel may move and its version be deleted; then it points elsewhere.
    for (let tries = 0; tries < 3; tries++) {
      const { channels } = await readName(this.#db, tenant, name);
      const version = versionOn(channels, channel, `${seed}/${name}`);
      if (version === null) return null;
      const found = await this.version(tenant, name, version);
      if (found !== null) return found;
    }
    return null;
  }

  async #unknownName(tenant: string, name: string): Promise<Rejection> {
    const known = await this.list(tenant, null, LIMITS.defaultPageSize);
    return unknownName(
      name,
      known.map((workflow) => workflow.name),
    );
  }
}

function changed(name: string, actual: number, expected: Expected): Rejection | null {
  return unexpected(`Workflow "${name}" is`, actual, expected, "version");
}
