/** Versions and channels as a copy of them has them: read in pages, and put back under the numbers that they had. */
import { and, asc, eq, gt, inArray, lte, or, sql, type SQL } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere, reachedLimit, roomIn } from "../records/limit.ts";
import type { Restored } from "../records/registered.ts";
import { overLatest } from "../records/revision.ts";
import type { By } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { builtinWorkflow } from "./builtin.ts";
import { withChannel, type Channels } from "./channels.ts";
import { LIMITS } from "./limits.ts";
import { readName } from "./names.ts";
import type { WorkflowRegistry, WorkflowVersion } from "./registry.ts";
import { workflowNames, workflows } from "./tables.ts";
import { named, versionLimits } from "./version-limits.ts";

/** What is kept of a name beside its versions. */
export interface NameCopy {
  readonly name: string;
  /** Numbers up to it are never given again. */
  readonly retired: number;
  readonly channels: Channels;
}

export type VersionPosition = Pick<WorkflowVersion, "name" | "version">;

export class WorkflowCopies {
  readonly #db: DrizzleD1Database;
  readonly #registry: WorkflowRegistry;

  constructor(db: DrizzleD1Database, registry: WorkflowRegistry) {
    this.#db = db;
    this.#registry = registry;
  }

  /** As many as are not too large together, and one at least where there is one. */
  async versions(tenant: string, after: VersionPosition | null, limit: number): Promise<readonly WorkflowVersion[]> {
    const { name, version } = workflows;
    const isLater = after && or(gt(name, after.name), and(eq(name, after.name), gt(version, after.version)));
    const isNext = and(eq(workflows.tenant, tenant), isLater ?? undefined);
    const sizes = await this.#db
      .select({ name, version, bytes: sql<number>`length(cast(${workflows.definition} as blob))` })
      .from(workflows)
      .where(isNext)
      .orderBy(asc(name), asc(version))
      .limit(limit);
    let bytes = 0;
    const tooMany = sizes.findIndex((row, index) => (bytes += row.bytes) > LIMITS.copiedBytes && index > 0);
    const last = tooMany === -1 ? sizes.at(-1) : sizes[tooMany - 1];
    if (last === undefined) return [];
    const isWithin = or(sql`${name} < ${last.name}`, and(eq(name, last.name), lte(version, last.version)));
    return this.#db.select().from(workflows).where(and(isNext, isWithin)).orderBy(asc(name), asc(version)).limit(limit);
  }

  async names(tenant: string, after: string | null, limit: number): Promise<readonly NameCopy[]> {
    return this.#db
      .select({ name: workflowNames.name, retired: workflowNames.retired, channels: workflowNames.channels })
      .from(workflowNames)
      .where(and(eq(workflowNames.tenant, tenant), after === null ? undefined : gt(workflowNames.name, after)))
      .orderBy(asc(workflowNames.name))
      .limit(limit);
  }

  async restoreVersion(tenant: string, copy: WorkflowVersion, overwrites: boolean): Promise<Result<Restored, Rejection>> {
    const { name, version, definition } = copy;
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow`));
    return overLatest(`Workflow "${name}" is`, async () => {
      const before = await this.#registry.version(tenant, name, version);
      if (before?.definition === definition) return ok("unchanged");
      if (before !== null) {
        if (!overwrites) return err(rejection("already_exists", `Version ${version} of workflow "${name}" is another definition`));
        const isAsRead = eq(workflows.definition, before.definition);
        const replaced = await this.#db
          .update(workflows)
          .set(copy)
          .where(and(named(tenant, name), eq(workflows.version, version), isAsRead))
          .run();
        return replaced.meta.changes > 0 ? ok("replaced") : "raced";
      }
      const newest = (await this.#registry.versions(tenant, name, null, 1))[0]?.version ?? 0;
      const { retired } = await readName(this.#db, tenant, name);
      const limits = versionLimits(this.#db, tenant, name, newest, retired);
      const inserted = await insertWhere(this.#db, workflows, { tenant, ...copy }, roomIn(limits))
        .onConflictDoNothing()
        .run();
      if (inserted.meta.changes > 0) return ok("created");
      const reached = await reachedLimit(this.#db, limits);
      return reached === null ? "raced" : err(reached);
    });
  }

  /** Its versions have to be there. Numbers that were given stay so, here and there. */
  async restoreName(tenant: string, copy: NameCopy, overwrites: boolean, by: By, now: number): Promise<Result<Restored, Rejection>> {
    const { name } = copy;
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow`));
    return overLatest(`The channels of "${name}" are`, async () => {
      const before = await readName(this.#db, tenant, name);
      const retired = Math.max(before.retired, copy.retired);
      const isSame = meaningOf(before.channels) === meaningOf(copy.channels);
      if (isSame && retired === before.retired) return ok("unchanged");
      const isFree = before.channels.length === 0 || isSame;
      if (!isFree && !overwrites) return err(rejection("already_exists", `The channels of "${name}" point elsewhere`));
      const channels = copy.channels.map((channel) => ({ ...channel, updatedAt: now, updatedBy: by }));
      const missing = await this.#missingVersion(tenant, name, channels);
      if (missing !== null) return err(rejection("unknown_reference", `Workflow "${name}" has no version ${missing}`));
      const row = { tenant, name, retired, revision: before.revision + 1, channels: isSame ? before.channels : channels };
      const written = await insertWhere(this.#db, workflowNames, row, areThere(tenant, name, row.channels))
        .onConflictDoUpdate({
          target: [workflowNames.tenant, workflowNames.name],
          set: { retired, revision: row.revision, channels: row.channels },
          setWhere: eq(workflowNames.revision, before.revision),
        })
        .run();
      if (written.meta.changes === 0) return "raced";
      return ok(isFree ? "created" : "replaced");
    });
  }

  async #missingVersion(tenant: string, name: string, channels: Channels): Promise<number | null> {
    for (const { version } of channels) if ((await this.#registry.version(tenant, name, version)) === null) return version;
    return null;
  }
}

/** Whether the versions that the channels point to are there: a condition of the statement that writes them. */
function areThere(tenant: string, name: string, channels: Channels): SQL | undefined {
  const versions = [...new Set(channels.map(({ version }) => version))];
  if (versions.length === 0) return undefined;
  return sql`(select count(*) from ${workflows} where ${and(named(tenant, name), inArray(workflows.version, versions))}) = ${versions.length}`;
}

/** Why a set of channels cannot be, if it cannot. */
export function channelsRefusal(channels: Channels): Rejection | null {
  let set: Channels = [];
  for (const channel of channels) {
    const next = withChannel(set, channel);
    if (!next.ok) return next.error;
    set = next.value;
  }
  return null;
}

function meaningOf(channels: Channels): string {
  return JSON.stringify(
    channels
      .map(({ channel, version, percent = null }) => JSON.stringify([channel, version, percent]))
      .toSorted((one, other) => (one < other ? -1 : 1)),
  );
}
