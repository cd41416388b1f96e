/** Channels in D1. A change is written only over the revision that was read, and only while its version is there. */
import type { Expected } from "../shared/expected.ts";
import { and, eq, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { insertWhere } from "../records/limit.ts";
import { overLatest, type Subject, unexpected } from "../records/revision.ts";
import type { By } from "../shared/actor.ts";
import { rejection, rejectionOf, type Rejection } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { builtinWorkflow } from "./builtin.ts";
import { withChannel, withoutChannel, type Channel, type Channels, type ChannelTarget } from "./channels.ts";
import { ofName, readName } from "./names.ts";
import { workflowNames, workflows } from "./tables.ts";

/** All channels of a workflow, and how often they have changed. */
export interface ChannelSet {
  readonly revision: number;
  readonly channels: Channels;
}

export class ChannelStore {
  readonly #db: DrizzleD1Database;

  constructor(db: DrizzleD1Database) {
    this.#db = db;
  }

  /** `null`: there is no such workflow. */
  async read(tenant: string, name: string): Promise<ChannelSet | null> {
    if (builtinWorkflow(name) !== null) return { revision: 0, channels: [] };
    if (!(await this.#hasVersion(tenant, name, null))) return null;
    const { revision, channels } = await readName(this.#db, tenant, name);
    return { revision, channels };
  }

  /** Points a channel to a version. `expected` is the revision of the channels that the caller has seen. */
  async set(
    tenant: string,
    name: string,
    target: ChannelTarget,
    expected: Expected,
    by: By,
    now: number,
  ): Promise<Result<{ readonly channel: Channel; readonly revision: number; readonly isNew: boolean }, Rejection>> {
    if (builtinWorkflow(name) !== null) return err(rejection("name_reserved", `"${name}" is a built-in workflow; it has no channels`));
    return overLatest(subjectOf(name), async () => {
      const { revision, channels } = await readName(this.#db, tenant, name);
      const before = channels.find(({ channel }) => channel === target.channel);
      // Whether it is there is asked of the channel; how often they have changed, of all of them.
      const isOfOne = before === undefined && (expected === "none" || expected === "any");
      const refusal = unexpected(subjectOf(name), isOfOne ? 0 : revision, expected);
      if (refusal !== null) return err(refusal);
      if (!(await this.#hasVersion(tenant, name, target.version))) return err(await this.#unknownVersion(tenant, name, target.version));
      if (before?.version === target.version && before.percent === target.percent) {
        return ok({ channel: before, revision, isNew: false });
      }
      const maker = before === undefined ? by : before.createdBy;
      const channel: Channel = { ...target, updatedAt: now, ...(maker && { createdBy: maker }), updatedBy: by };
      const next = withChannel(channels, channel);
      if (!next.ok) return next;
      const row = { tenant, name, retired: 0, revision: revision + 1, channels: next.value };
      const isThere = sql`exists (select 1 from ${workflows} where ${ofVersion(tenant, name, target.version)})`;
      const written = await insertWhere(this.#db, workflowNames, row, isThere)
        .onConflictDoUpdate({
          target: [workflowNames.tenant, workflowNames.name],
          set: { revision: row.revision, channels: row.channels },
          setWhere: eq(workflowNames.revision, revision),
        })
        .run();
      return written.meta.changes > 0 ? ok({ channel, revision: row.revision, isNew: before === undefined }) : "raced";
    });
  }

  /** Whether there was such a channel. */
  async delete(tenant: string, name: string, channel: string, expected: Expected): Promise<Result<boolean, Rejection>> {
    return overLatest(subjectOf(name), async () => {
      const { revision, channels } = await readName(this.#db, tenant, name);
      const left = withoutChannel(channels, channel);
      if (left.length === channels.length) return ok(false);
      const refusal = unexpected(subjectOf(name), revision, expected);
      if (refusal !== null) return err(refusal);
      const written = await this.#db
        .update(workflowNames)
        .set({ channels: left, revision: revision + 1 })
        .where(and(ofName(tenant, name), eq(workflowNames.revision, revision)))
        .run();
      return written.meta.changes > 0 ? ok(true) : "raced";
    });
  }

  async #hasVersion(tenant: string, name: string, version: number | null): Promise<boolean> {
    const row = await this.#db
      .select({ version: workflows.version })
      .from(workflows)
      .where(ofVersion(tenant, name, version))
      .limit(1)
      .get();
    return row !== undefined;
  }

  async #unknownVersion(tenant: string, name: string, version: number): Promise<Rejection> {
    if (!(await this.#hasVersion(tenant, name, null))) return rejection("not_found", `There is no workflow "${name}"`);
    const message = `workflow "${name}" has no version ${version}`;
    return rejectionOf([{ pointer: "/version", message, code: "unknown_reference" }], "unknown_reference");
  }
}

/** Rows of one version, or with `null` of any. */
const ofVersion = (tenant: string, name: string, version: number | null) =>
  and(eq(workflows.tenant, tenant), eq(workflows.name, name), version === null ? undefined : eq(workflows.version, version));

const subjectOf = (name: string): Subject => `The channels of "${name}" are`;
