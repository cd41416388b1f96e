/** API keys: made, recognised, listed, revoked. */
import { and, asc, eq, getTableColumns, gt, isNull, lt, or } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { createHash, timingSafeEqual } from "node:crypto";
import { full, insertWhere, type Limit } from "../records/limit.ts";
import type { Restored } from "../records/registered.ts";
import type { By } from "../shared/actor.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { newId } from "../shared/ids.ts";
import { isKeyText, newKeyText, SHOWN_LENGTH } from "./key-text.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { principal, rootPrincipal, type Principal } from "../shared/principal.ts";
import { apiKeys } from "./tables.ts";

export type HashedKey = typeof apiKeys.$inferSelect;
export type ApiKey = Omit<HashedKey, "hash">;

interface Seen {
  readonly hash: string;
  readonly principal: Principal;
  readonly lookedUpAt: number;
  readonly expiresAt: number;
  readonly until: number;
}

/** Keys this isolate has seen valid, by their text, for as long as a revocation may take to be felt. */
const seenByKey = new Map<string, Seen>();

export class ApiKeys {
  readonly #db: DrizzleD1Database;
  readonly #rootDigest: Buffer;

  constructor(db: DrizzleD1Database, rootApiKey: string) {
    this.#db = db;
    this.#rootDigest = digest(rootApiKey);
  }

  /** Who holds a key, as far as this isolate knows; `null`: nobody can; `"unknown"`: `lookUp` can tell. */
  recognise(key: string, now: number): Principal | "unknown" | null {
    const seen = seenByKey.get(key);
    if (seen !== undefined && seen.until > now) return seen.principal;
    // Digests have one length, so the comparison takes the same time wherever they differ.
    if (timingSafeEqual(digest(key), this.#rootDigest)) return this.#remember(key, rootPrincipal(), null, now);
    return isKeyText(key) ? "unknown" : null;
  }

  /** Who holds a key, or `null`. An unknown key is not remembered: it may be about to be made. */
  async lookUp(key: string, now: number): Promise<Principal | null> {
    const row = await this.#db
      .select()
      .from(apiKeys)
      .where(eq(apiKeys.hash, digest(key).toString("hex")))
      .get();
    if (row === undefined || row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now)) {
      seenByKey.delete(key);
      return null;
    }
    return this.#remember(key, principal(row.tenant, row.id, row.name, row.roles, row.agent), row.expiresAt, now);
  }

  /** When a key that held should be looked at again; `null`: it holds no more. What is believed is at most `maxAgeMs` old. */
  async holdsUntil(key: string, maxAgeMs: number, now: number): Promise<number | null> {
    const seen = seenByKey.get(key);
    const isKnown = seen !== undefined && seen.until > now && seen.lookedUpAt > now - maxAgeMs;
    const isRoot = timingSafeEqual(digest(key), this.#rootDigest);
    if (!isKnown && !isRoot && (await this.lookUp(key, now)) === null) return null;
    return Math.min(now + maxAgeMs, seenByKey.get(key)?.expiresAt ?? Number.POSITIVE_INFINITY);
  }

  /** Makes a key. Its text is in the result and nowhere else. */
  async create(
    tenant: string,
    { name, roles, agent, expiresAt }: Pick<ApiKey, "name" | "roles" | "agent" | "expiresAt">,
    by: By,
    now: number,
  ): Promise<Result<ApiKey & { readonly key: string }, Rejection>> {
    const limit = this.#limit(tenant);
    const key = newKeyText();
    const row: ApiKey = {
      id: newId("key", now),
      tenant,
      name,
      prefix: key.slice(0, SHOWN_LENGTH),
      roles,
      agent,
      createdAt: now,
      expiresAt,
      revokedAt: null,
      createdBy: by,
      updatedBy: by,
    };
    const inserted = await insertWhere(this.#db, apiKeys, { ...row, hash: digest(key).toString("hex") }, limit.room).run();
    return inserted.meta.changes > 0 ? ok({ ...row, key }) : err(full(limit));
  }

  /** As `list`, with the hashes: what a copy of them needs. */
  async hashed(tenant: string, after: string | null, limit: number): Promise<readonly HashedKey[]> {
    return this.#db
      .select()
      .from(apiKeys)
      .where(and(eq(apiKeys.tenant, tenant), after === null ? undefined : gt(apiKeys.id, after)))
      .orderBy(asc(apiKeys.id))
      .limit(limit);
  }

  /** Puts a key there as a file has it. One that has been revoked here stays revoked. */
  async restore(key: HashedKey, overwrites: boolean): Promise<Result<Restored, Rejection>> {
    const { tenant, id, hash } = key;
    const known = or(eq(apiKeys.hash, hash), and(eq(apiKeys.tenant, tenant), eq(apiKeys.id, id)));
    const before = await this.#db.select().from(apiKeys).where(known).get();
    const refused = (why: string) => err(rejection("already_exists", `Key "${id}" ${why}`));
    if (before === undefined) {
      const limit = this.#limit(tenant);
      const room = key.revokedAt === null ? limit.room : undefined;
      const inserted = await insertWhere(this.#db, apiKeys, key, room).onConflictDoNothing().run();
      return inserted.meta.changes > 0 ? ok("created") : err(full(limit));
    }
    if (before.tenant !== tenant || before.id !== id || before.hash !== hash) return refused("is another one here");
    if (meaningOf(before) === meaningOf(key)) return ok("unchanged");
    if (before.revokedAt !== null && key.revokedAt === null) return refused("has been revoked here, for ever; make another one");
    if (!overwrites) return refused("is otherwise here");
    const isAsBefore = before.revokedAt === null ? isNull(apiKeys.revokedAt) : undefined;
    const written = await this.#db
      .update(apiKeys)
      .set(key)
      .where(and(eq(apiKeys.hash, hash), isAsBefore))
      .run();
    if (written.meta.changes === 0) return refused("has been revoked just now");
    this.#forget(hash);
    return ok("replaced");
  }

  async list(tenant: string, after: string | null, limit: number): Promise<readonly ApiKey[]> {
    const { hash: _, ...columns } = getTableColumns(apiKeys);
    return this.#db
      .select(columns)
      .from(apiKeys)
      .where(and(eq(apiKeys.tenant, tenant), after === null ? undefined : gt(apiKeys.id, after)))
      .orderBy(asc(apiKeys.id))
      .limit(limit);
  }

  /** Whether there was such a key; revoking one twice changes nothing. */
  async revoke(tenant: string, id: string, by: By, now: number): Promise<boolean> {
    const row = await this.#db
      .select({ hash: apiKeys.hash })
      .from(apiKeys)
      .where(and(eq(apiKeys.tenant, tenant), eq(apiKeys.id, id)))
      .get();
    if (row === undefined) return false;
    await this.#db
      .update(apiKeys)
      .set({ revokedAt: now, updatedBy: by })
      .where(and(eq(apiKeys.hash, row.hash), isNull(apiKeys.revokedAt)));
    this.#forget(row.hash);
    return true;
  }

  #limit(tenant: string): Limit {
    return {
      room: lt(this.#db.$count(apiKeys, and(eq(apiKeys.tenant, tenant), isNull(apiKeys.revokedAt))), LIMITS.keysPerTenant),
      detail: `A tenant has at most ${LIMITS.keysPerTenant} keys; revoke one first`,
    };
  }

  #forget(hash: string): void {
    for (const [key, seen] of seenByKey) if (seen.hash === hash) seenByKey.delete(key);
  }

  #remember(key: string, holder: Principal, expiresAt: number | null, now: number): Principal {
    const lasts = expiresAt ?? Number.POSITIVE_INFINITY;
    const until = Math.min(now + LIMITS.keyCacheMs, lasts);
    seenByKey.delete(key);
    seenByKey.set(key, { hash: digest(key).toString("hex"), principal: holder, lookedUpAt: now, expiresAt: lasts, until });
    for (const oldest of seenByKey.keys()) {
      if (seenByKey.size <= LIMITS.keyCacheEntries) break;
      seenByKey.delete(oldest);
    }
    return holder;
  }
}

/** The same for keys that do the same for their holders. */
function meaningOf({ name, roles, agent, expiresAt, revokedAt }: HashedKey): string {
  return JSON.stringify([name, [...roles].toSorted(), agent, expiresAt, revokedAt === null]);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
