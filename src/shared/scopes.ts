/**
 * What a principal may do. Routes and operations name a scope, keys name roles. Each room defines its scopes, and with each
 * the roles that hold it (`scopes.ts`).
 */
export const ROLES = ["admin", "developer", "operator", "viewer", "agent"] as const;
export type Role = (typeof ROLES)[number];

/** The roles that hold a scope: from the one named on, up to admin. */
export const FROM = {
  /** Reads. */
  viewer: ["viewer", "operator", "developer", "admin"],
  /** Runs what others have built. */
  operator: ["operator", "developer", "admin"],
  /** Builds: workflows, agents, tasks, when those run, and who is told of them. */
  developer: ["developer", "admin"],
  /** Everything within a tenant. */
  admin: ["admin"],
} as const satisfies Partial<Record<Role, readonly Role[]>>;

const rolesByScope: Record<string, readonly Role[]> = {};

/** Adds a room's scopes. It extends `Scopes` by them, so that the compiler knows which there are. */
export function defineScopes<const T extends Readonly<Record<string, readonly Role[]>>>(scopes: T): T {
  Object.assign(rolesByScope, scopes);
  return scopes;
}

/** Every scope there is, gathered from the rooms. */
// oxlint-disable-next-line typescript/no-empty-interface, typescript/no-empty-object-type
export interface Scopes {}
export type Scope = keyof Scopes;

/** All scopes of the rooms that are loaded. */
export const allScopes = (): ReadonlySet<Scope> => new Set(Object.keys(rolesByScope) as Scope[]);

export function scopesOf(roles: readonly Role[]): ReadonlySet<Scope> {
  const held = Object.entries(rolesByScope).filter(([, holders]) => holders.some((role) => roles.includes(role)));
  return new Set(held.map(([scope]) => scope as Scope));
}
