/** What is done with keys. */
import { byOf } from "../shared/actor.ts";
import { rejection } from "../shared/errors.ts";
import { missingScope, operation } from "../shared/operation.ts";
import { err, ok } from "../shared/result.ts";
import type { Role } from "../shared/scopes.ts";
import type { ApiKeys, HashedKey } from "./keys.ts";

interface Keys {
  readonly keys: ApiKeys;
}

export interface NewKey {
  readonly name: string;
  readonly roles: readonly Role[];
  /** The only agent that it speaks for. */
  readonly agent: string | null;
  readonly expiresAt: number | null;
  /** The caller's own unless said. */
  readonly tenant?: string | undefined;
}

export const createKey = operation("keys:write", async (actor, { keys }: Keys, { tenant = actor.tenant, ...key }: NewKey) => {
  if (tenant !== actor.tenant && missingScope(actor, "tenants:manage") !== null) {
    const detail = 'Only the root key may make keys for another tenant (scope "tenants:manage")';
    return err(rejection("forbidden", detail, { facts: { required_scope: "tenants:manage" } }));
  }
  return keys.create(tenant, { ...key, roles: [...new Set(key.roles)] }, byOf(actor), Date.now());
});

export const revokeKey = operation("keys:write", async (actor, { keys }: Keys, id: string) =>
  (await keys.revoke(actor.tenant, id, byOf(actor), Date.now())) ? ok(null) : err(rejection("not_found", `There is no key "${id}"`)),
);

/** `key`: as a file has it. */
export const restoreKey = operation("keys:write", async (actor, { keys }: Keys, key: HashedKey, overwrites: boolean) =>
  keys.restore({ ...key, updatedBy: key.revokedAt === null ? byOf(actor) : key.updatedBy }, overwrites),
);
