/** What a registered endpoint is: how it is kept, and what changes of it mean. */
import type { By } from "../shared/actor.ts";
import { LIMITS } from "./limits.ts";
import type { Disabled } from "./endpoint-condition.ts";
import { ALL_EVENTS, type EventPattern } from "./events.ts";

/** PERSISTED in D1. Secrets are sealed under the key ring, bound to tenant, endpoint and field. */
export interface WebhookRecord {
  readonly v: 1;
  readonly id: string;
  readonly url: string;
  readonly events: readonly EventPattern[];
  readonly description: string | null;
  /** It came with a task: it is told of that task whatever its `events`, and its URL is what it is. */
  readonly isAdHoc: boolean;
  readonly secret: string;
  /** Replaced ones, the latest first: they sign beside it for a while. */
  readonly earlierSecrets: readonly { readonly sealed: string; readonly until: number }[];
  readonly disabled: Disabled | null;
  /** Counts enablings, so that what was found out before one disables nothing after it. */
  readonly epoch: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy?: By;
  readonly updatedBy?: By;
  /** Counts changes; the ETag. */
  readonly revision: number;
}

/** What a caller registers. */
export interface WebhookRegistration {
  readonly url: string;
  readonly events?: readonly EventPattern[] | undefined;
  readonly description?: string | undefined;
  readonly secret?: string | undefined;
}

/** What a caller changes; `null` takes back what was said. */
export interface WebhookChange {
  readonly url?: string | undefined;
  readonly events?: readonly EventPattern[] | null | undefined;
  readonly description?: string | null | undefined;
  readonly enabled?: boolean | undefined;
  readonly secret?: string | undefined;
}

/** Where a sealed secret belongs: the endpoint's own, or one that came with a task. */
export function secretPlace(tenant: string, webhook: string, field: "signing" | "task"): string {
  return `webhooks/${tenant}/${webhook}/${field}`;
}

export function newRecord(id: string, given: WebhookRegistration, isAdHoc: boolean, secret: string, by: By, now: number): WebhookRecord {
  return {
    v: 1,
    id,
    url: given.url,
    events: given.events ?? ALL_EVENTS,
    description: given.description ?? null,
    isAdHoc,
    secret,
    earlierSecrets: [],
    disabled: null,
    epoch: 1,
    createdAt: now,
    updatedAt: now,
    createdBy: by,
    updatedBy: by,
    revision: 1,
  };
}

/** The record after a change of everything but secrets. */
export function changedRecord(
  record: WebhookRecord,
  { url, events, description, enabled }: WebhookChange,
  by: By,
  now: number,
): WebhookRecord {
  return {
    ...record,
    url: url ?? record.url,
    events: events === undefined ? record.events : (events ?? ALL_EVENTS),
    description: description === undefined ? record.description : description,
    ...(enabled === true && { disabled: null, epoch: record.epoch + 1 }),
    ...(enabled === false && { disabled: record.disabled ?? { reason: "somebody disabled it", since: now } }),
    updatedAt: now,
    updatedBy: by,
    revision: record.revision + 1,
  };
}

/** Whether the secret must not be the same afterwards: who knows the old one is not who is called from now on. */
export function isElsewhere(record: WebhookRecord, { url }: WebhookChange): boolean {
  return url !== undefined && new URL(url).origin !== new URL(record.url).origin;
}

/** The record under another secret. `overlaps`: the present one signs beside it for a while. */
export function resealed(record: WebhookRecord, secret: string, overlaps: boolean, now: number): WebhookRecord {
  const earlier = [{ sealed: record.secret, until: now + LIMITS.secretOverlapMs }, ...record.earlierSecrets];
  return {
    ...record,
    secret,
    earlierSecrets: overlaps ? earlier.filter(({ until }) => until > now).slice(0, LIMITS.earlierSecrets) : [],
  };
}
