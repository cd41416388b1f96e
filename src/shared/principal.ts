/** Who makes a request. Whatever the credentials were, the rest of the service sees only this. */
import { allScopes, scopesOf, type Role, type Scope } from "./scopes.ts";

export interface Principal {
  readonly tenant: string;
  /** Whom to name in logs: a key's id, or `root`. */
  readonly subject: string;
  readonly roles: readonly Role[];
  readonly scopes: ReadonlySet<Scope>;
  /** The only agent that the credentials speak for; `null` where they are not bound to one. */
  readonly agent: string | null;
}

export const DEFAULT_TENANT = "default";

/** The root key from the configuration: admin of the default tenant, and alone in managing tenants. */
export const rootPrincipal = (): Principal => ({
  tenant: DEFAULT_TENANT,
  subject: "root",
  roles: ["admin"],
  scopes: allScopes(),
  agent: null,
});

export function principal(tenant: string, subject: string, roles: readonly Role[], agent: string | null): Principal {
  return { tenant, subject, roles, scopes: scopesOf(roles), agent };
}
