/** The endpoints of a tenant in D1: registered ones, and those that came with tasks. */
import type { Expected } from "../shared/expected.ts";
import type { By } from "../shared/actor.ts";
import { and, asc, eq, inArray, lt, sql } from "drizzle-orm";
import type { DrizzleD1Database } from "drizzle-orm/d1";
import { full, insertWhere, type Limit } from "../records/limit.ts";
import type { Restored } from "../records/registered.ts";
import { overLatest, unexpected } from "../records/revision.ts";
import { rejection, type Rejection } from "../shared/errors.ts";
import { derivedId, newId } from "../shared/ids.ts";
import type { Keyring } from "../shared/keyring.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { newSigningSecret } from "../shared/signing.ts";
import { brokenUrlRule, type UrlPolicy } from "../shared/url-guard.ts";
import type { Disabled } from "./endpoint-condition.ts";
import { webhooks } from "./tables.ts";
import {
  changedRecord,
  isElsewhere,
  newRecord,
  resealed,
  secretPlace,
  type WebhookChange,
  type WebhookRecord,
  type WebhookRegistration,
} from "./webhook.ts";

/** An endpoint after a write; with its secret when the service made that itself: it is shown once. */
export interface WrittenWebhook {
  readonly record: WebhookRecord;
  readonly secret?: string;
}

/** Where a page ends: registered ones come first, each kind in the order of ids. */
export type WebhookPosition = readonly [isAdHoc: boolean, id: string];

export class WebhookRegistry {
  readonly #db: DrizzleD1Database;
  readonly #keyring: Keyring;
  readonly #policy: UrlPolicy;

  constructor(db: DrizzleD1Database, keyring: Keyring, policy: UrlPolicy) {
    this.#db = db;
    this.#keyring = keyring;
    this.#policy = policy;
  }

  async find(tenant: string, id: string): Promise<WebhookRecord | null> {
    const row = await this.#db.select({ record: webhooks.record }).from(webhooks).where(at(tenant, id)).get();
    return row?.record ?? null;
  }

  /** All that were registered: what a tenant's tasks tell of their ends. */
  async registered(tenant: string): Promise<readonly WebhookRecord[]> {
    const rows = await this.#db
      .select({ record: webhooks.record })
      .from(webhooks)
      .where(and(eq(webhooks.tenant, tenant), eq(webhooks.isAdHoc, false)))
      .limit(LIMITS.webhooksPerTenant);
    return rows.map(({ record }) => record);
  }

  async list(tenant: string, after: WebhookPosition | null, limit: number): Promise<readonly WebhookRecord[]> {
    const isAfter = after === null ? undefined : sql`(${webhooks.isAdHoc}, ${webhooks.id}) > (${after[0] ? 1 : 0}, ${after[1]})`;
    const rows = await this.#db
      .select({ record: webhooks.record })
      .from(webhooks)
      .where(and(eq(webhooks.tenant, tenant), isAfter))
      .orderBy(asc(webhooks.isAdHoc), asc(webhooks.id))
      .limit(limit);
    return rows.map(({ record }) => record);
  }

  async register(tenant: string, given: WebhookRegistration, by: By, now: number): Promise<Result<WrittenWebhook, Rejection>> {
    const refusal = this.urlRefusal(given.url);
    if (refusal !== null) return err(refusal);
    const id = newId("hook", now);
    const secret = given.secret ?? newSigningSecret();
    const record = newRecord(id, given, false, this.#seal(tenant, id, secret), by, now);
    const limit = this.#limit(tenant, false);
    if (!(await this.#insert(tenant, record, limit, now))) return err(full(limit));
    return ok({ record, ...(given.secret === undefined && { secret }) });
  }

  /** Puts an endpoint there as a file has it, its secrets sealed as they are. */
  async restore(tenant: string, webhook: WebhookRecord, overwrites: boolean, by: By, now: number): Promise<Result<Restored, Rejection>> {
    const { id } = webhook;
    const restored = { ...webhook, updatedAt: now, updatedBy: by };
    const written = await this.#write(tenant, id, (before) => {
      if (this.#meaning(tenant, before) === this.#meaning(tenant, webhook)) return ok(before);
      if (!overwrites || before.isAdHoc) return err(rejection("already_exists", `Webhook "${id}" is registered otherwise`));
      const epoch = Math.max(before.epoch, webhook.epoch) + 1;
      return ok({ ...restored, epoch, revision: Math.max(before.revision, webhook.revision) + 1 });
    });
    if (written !== null) return written.ok ? ok(written.value.updatedAt === now ? "replaced" : "unchanged") : written;
    const limit = this.#limit(tenant, false);
    const isNew = await this.#insert(tenant, { ...restored, revision: webhook.revision + 1 }, limit, now);
    return isNew ? ok("created") : err(full(limit));
  }

  /** The same for endpoints that are told the same, under the same secret. */
  #meaning(tenant: string, { id, url, events, description, isAdHoc, secret, disabled }: WebhookRecord): string {
    const opened = this.#keyring.open(secret, secretPlace(tenant, id, "signing")) ?? `sealed ${secret}`;
    return JSON.stringify([url, [...events].toSorted(), description, isAdHoc, opened, disabled === null]);
  }

  /** The endpoint that a task brought along, made when it is the first one to. */
  async adHoc(tenant: string, url: string, by: By, now: number): Promise<Result<WebhookRecord, Rejection>> {
    const refusal = this.urlRefusal(url);
    if (refusal !== null) return err(refusal);
    const id = derivedId("hook", tenant, url);
    const known = await this.#usedNow(tenant, id, now);
    if (known !== null) return ok(known);
    const record = newRecord(id, { url }, true, this.#seal(tenant, id, newSigningSecret()), by, now);
    const limit = this.#limit(tenant, true);
    if (await this.#insert(tenant, record, limit, now)) return ok(record);
    // Another task may have been faster; else there is no room.
    const meanwhile = await this.find(tenant, id);
    return meanwhile === null ? err(full(limit)) : ok(meanwhile);
  }

  /** `null`: there is none. A secret is made, and in the result, where the change means that there must be a new one. */
  async change(
    tenant: string,
    id: string,
    change: WebhookChange,
    expected: Expected,
    by: By,
    now: number,
  ): Promise<Result<WrittenWebhook, Rejection> | null> {
    const refusal = change.url === undefined ? null : this.urlRefusal(change.url);
    if (refusal !== null) return err(refusal);
    let made: string | undefined;
    const written = await this.#write(tenant, id, (before) => {
      const refusal = changedMeanwhile(before, expected);
      if (refusal !== null) return err(refusal);
      const fixed = before.isAdHoc ? (["url", "events", "secret"] as const).find((field) => change[field] !== undefined) : undefined;
      if (fixed !== undefined) return err(isFixed(fixed));
      const after = changedRecord(before, change, by, now);
      const goesElsewhere = isElsewhere(before, change);
      made = goesElsewhere && change.secret === undefined ? newSigningSecret() : undefined;
      const secret = change.secret ?? made;
      return ok(secret === undefined ? after : resealed(after, this.#seal(tenant, id, secret), !goesElsewhere, now));
    });
    return written && withSecret(written, made);
  }

  /** A new secret; the present one signs beside it for a while. `null`: there is no such endpoint. */
  async rotate(tenant: string, id: string, expected: Expected, by: By, now: number): Promise<Result<WrittenWebhook, Rejection> | null> {
    const secret = newSigningSecret();
    const written = await this.#write(tenant, id, (before) => {
      const refusal = changedMeanwhile(before, expected);
      if (refusal !== null) return err(refusal);
      return ok(resealed(changedRecord(before, {}, by, now), this.#seal(tenant, id, secret), true, now));
    });
    return written && withSecret(written, secret);
  }

  /** What the endpoint's object found out, unless somebody has enabled the endpoint since or it is disabled already. */
  async disable(tenant: string, id: string, epoch: number, { reason, since }: Disabled): Promise<void> {
    const written = await this.#write(tenant, id, (before) => {
      if (before.epoch !== epoch || before.disabled !== null) return ok(before);
      return ok({ ...before, disabled: { reason, since }, updatedAt: since, updatedBy: ITSELF, revision: before.revision + 1 });
    });
    if (written?.ok === false) throw new Error(written.error.detail);
  }

  /** Whether there was something to delete. */
  async delete(tenant: string, id: string, expected: Expected): Promise<Result<boolean, Rejection>> {
    const isAny = expected === null || typeof expected === "string";
    const isExpected = isAny ? undefined : inArray(webhooks.revision, [expected].flat());
    const deleted = await this.#db
      .delete(webhooks)
      .where(and(at(tenant, id), isExpected))
      .run();
    if (deleted.meta.changes > 0) return ok(true);
    const before = isAny ? null : await this.find(tenant, id);
    const refusal = before && changedMeanwhile(before, expected);
    return refusal === null ? ok(false) : err(refusal);
  }

  /** Deletes endpoints that came with tasks and that none has used since `before`; their objects empty themselves. */
  async purge(before: number): Promise<void> {
    await this.#db.delete(webhooks).where(and(eq(webhooks.isAdHoc, true), lt(webhooks.usedAt, before)));
  }

  urlRefusal(url: string): Rejection | null {
    const rule = url.length > LIMITS.urlLength ? `it is longer than ${LIMITS.urlLength} characters` : brokenUrlRule(url, this.#policy);
    if (rule === null) return null;
    const message = `the URL is not allowed: ${rule}`;
    return rejection("url_refused", `/url: ${message}`, { faults: [{ pointer: "/url", message, code: "url_refused" }] });
  }

  #seal(tenant: string, id: string, secret: string): string {
    return this.#keyring.seal(secret, secretPlace(tenant, id, "signing"));
  }

  #limit(tenant: string, isAdHoc: boolean): Limit {
    const most = isAdHoc ? LIMITS.adHocWebhooksPerTenant : LIMITS.webhooksPerTenant;
    return {
      room: lt(this.#db.$count(webhooks, and(eq(webhooks.tenant, tenant), eq(webhooks.isAdHoc, isAdHoc))), most),
      detail: isAdHoc
        ? `A tenant's tasks bring at most ${most} webhooks; register one instead`
        : `A tenant has at most ${most} webhooks; delete one first`,
    };
  }

  /** `false`: full, or there already. */
  async #insert(tenant: string, record: WebhookRecord, { room }: Limit, now: number): Promise<boolean> {
    const { id, isAdHoc, revision } = record;
    const row = { tenant, isAdHoc, id, revision, usedAt: isAdHoc ? now : null, record };
    const inserted = await insertWhere(this.#db, webhooks, row, room).onConflictDoNothing().run();
    return inserted.meta.changes > 0;
  }

  /** The endpoint, marked as used where the mark is old: well before it could be taken for one that nobody uses. */
  async #usedNow(tenant: string, id: string, now: number): Promise<WebhookRecord | null> {
    const row = await this.#db.select({ record: webhooks.record, usedAt: webhooks.usedAt }).from(webhooks).where(at(tenant, id)).get();
    if (row === undefined) return null;
    if (now - (row.usedAt ?? 0) < LIMITS.webhookUsedMs) return row.record;
    const marked = await this.#db.update(webhooks).set({ usedAt: now }).where(at(tenant, id)).run();
    return marked.meta.changes > 0 ? row.record : null;
  }

  /** Writes only over the revision that was read, and looks again when somebody else has written since. */
  async #write(
    tenant: string,
    id: string,
    change: (before: WebhookRecord) => Result<WebhookRecord, Rejection>,
  ): Promise<Result<WebhookRecord, Rejection> | null> {
    return overLatest(`Webhook "${id}" is`, async () => {
      const before = await this.find(tenant, id);
      if (before === null) return null;
      const after = change(before);
      if (!after.ok || after.value === before) return after;
      const written = await this.#db
        .update(webhooks)
        .set({ revision: after.value.revision, record: after.value })
        .where(and(at(tenant, id), eq(webhooks.revision, before.revision)))
        .run();
      return written.meta.changes > 0 ? after : "raced";
    });
  }
}

/** Disables endpoints that cannot be told anything. */
const ITSELF: By = { type: "system", id: "webhooks" };

const at = (tenant: string, id: string) => and(eq(webhooks.tenant, tenant), inArray(webhooks.isAdHoc, [false, true]), eq(webhooks.id, id));

function withSecret(written: Result<WebhookRecord, Rejection>, secret: string | undefined): Result<WrittenWebhook, Rejection> {
  return written.ok ? ok({ record: written.value, ...(secret !== undefined && { secret }) }) : written;
}

function isFixed(field: string): Rejection {
  const message = "an endpoint that came with a task is its URL, and what is said of a task is signed as that asked";
  return rejection("invalid_request", `/${field}: ${message}`, { faults: [{ pointer: `/${field}`, message, code: "invalid_request" }] });
}

function changedMeanwhile({ id, revision }: WebhookRecord, expected: Expected): Rejection | null {
  return unexpected(`Webhook "${id}" is`, revision, expected);
}
