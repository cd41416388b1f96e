/** What a room lends of the things registered in it to whoever copies them: each is one record of a file, and comes back from it. */
import { z } from "zod";
import { ACTOR_TYPES, type Actor, type By } from "../shared/actor.ts";
import type { Fault, Rejection } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** A secret in a record, which opens in its place alone. */
export interface SealedValue {
  /** JSON Pointer into the record. */
  readonly at: string;
  readonly sealed: string;
  readonly place: string;
}

/** What an import did. */
export type Restored = "created" | "replaced" | "unchanged";

export interface ExportedPage<R = unknown> {
  readonly records: readonly R[];
  /** Where the next page begins; `null` after the last. */
  readonly next: string | null;
}

/** Everything of one kind, as its room knows it. */
interface KindOf<R> {
  /** Of the kind, in a file. */
  readonly name: string;
  /** PERSISTED in files: what the schema takes today it goes on to take. */
  readonly schema: z.ZodType<R>;
  /** Two records of a kind with one name are the same thing. */
  readonly nameOf: (record: R) => string;
  readonly exportPage: (tenant: string, after: string | null, limit: number) => Promise<ExportedPage<R>>;
  readonly secretsOf: (tenant: string, record: R) => readonly SealedValue[];
  /** What its room would refuse of anything new. The pointers go into the record. */
  readonly faultsOf: (tenant: string, record: R) => readonly Fault[];
  /** Refused where something else is there under that name, unless that is to be overwritten. May be repeated. */
  readonly restore: (actor: Actor, record: R, overwrites: boolean) => Promise<Result<Restored, Rejection>>;
  /** Once, after some were created or replaced. */
  readonly settle: (tenant: string, records: readonly R[]) => Promise<void>;
}

/** A record whose shape is right. */
export interface ReadRecord {
  readonly record: unknown;
  readonly name: string;
  readonly secrets: readonly SealedValue[];
  readonly faults: readonly Fault[];
  readonly restore: (actor: Actor, overwrites: boolean) => Promise<Result<Restored, Rejection>>;
}

/** The same for whoever knows no kind. */
export interface RegisteredKind extends Pick<KindOf<unknown>, "name"> {
  readonly exportPage: (tenant: string, after: string | null, limit: number) => Promise<ExportedPage>;
  readonly read: (tenant: string, value: unknown) => Result<ReadRecord, z.ZodError>;
  readonly settle: (tenant: string, records: readonly ReadRecord[]) => Promise<void>;
}

export function registeredKind<R>({ name, schema, nameOf, exportPage, secretsOf, faultsOf, restore, settle }: KindOf<R>): RegisteredKind {
  return {
    name,
    exportPage,
    read: (tenant, value) => {
      const parsed = schema.safeParse(value);
      if (!parsed.success) return err(parsed.error);
      const record = parsed.data;
      return ok({
        record,
        name: nameOf(record),
        secrets: secretsOf(tenant, record),
        faults: faultsOf(tenant, record),
        restore: (actor, overwrites) => restore(actor, record, overwrites),
      });
    },
    settle: (tenant, records) =>
      settle(
        tenant,
        records.map(({ record }) => record as R),
      ),
  };
}

/** A page of rows that were asked for with a limit. */
export function exported<T, R>(
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => string,
  recordOf: (row: T) => R,
): ExportedPage<R> {
  const last = rows.at(-1);
  return { records: rows.map(recordOf), next: rows.length < limit || last === undefined ? null : positionOf(last) };
}

/** Milliseconds since the epoch. */
export const momentInFile = z.int().min(0).max(8_640_000_000_000_000);

const actor = { type: z.enum(ACTOR_TYPES), id: z.string().max(1_000), name: z.string().max(1_000).optional() };
export const actorInFile = z
  .strictObject({ ...actor, made_by: z.strictObject(actor).optional() })
  .nullable() as unknown as z.ZodType<By | null>;

/** When and by whom, and how often it has changed. */
export const changesInFile = {
  created_at: momentInFile,
  created_by: actorInFile,
  updated_at: momentInFile,
  updated_by: actorInFile,
  revision: z.int().min(1),
};
