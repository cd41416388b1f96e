/** Who makes a request. Whatever the credentials were, the rest of the service sees only this. */
import type { Actor } from "./actor.ts";
import { allScopes, scopesOf, type Role } from "./scopes.ts";

export interface Principal extends Actor {
  /** Whom to name in logs, and what a quorum counts them by: a key's id, or `root`. */
  readonly subject: string;
  /** The only agent that the credentials speak for; `null` where they are not bound to one. */
  readonly agent: string | null;
}

export const DEFAULT_TENANT = "default";

/** The root key from the configuration: admin of the default tenant, and alone in managing tenants. */
export const rootPrincipal = (): Principal => ({
  type: "key",
  id: "root",
  tenant: DEFAULT_TENANT,
  subject: "root",
  roles: ["admin"],
  scopes: allScopes(),
  agent: null,
});

/** Whoever holds a key: the agent that it is bound to, else the key itself. */
export function principal(tenant: string, key: string, name: string, roles: readonly Role[], agent: string | null): Principal {
  const by = agent === null ? { type: "key" as const, id: key, name } : { type: "agent" as const, id: agent };
  return { ...by, tenant, subject: key, roles, scopes: scopesOf(roles), agent };
}
