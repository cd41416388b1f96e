/** What a principal may do. Routes name a scope, keys name roles, and only this table connects the two. */
export const SCOPES = [
  "tasks:read",
  "tasks:write",
  "approvals:read",
  "approvals:decide",
  "workflows:read",
  "workflows:write",
  "agents:read",
  "agents:write",
  "agents:work",
  "webhooks:read",
  "webhooks:write",
  "schedules:read",
  "schedules:write",
  "schedules:run",
  "keys:read",
  "keys:write",
  "tenants:manage",
] as const;
export type Scope = (typeof SCOPES)[number];

export const ROLES = ["admin", "developer", "operator", "viewer", "agent"] as const;
export type Role = (typeof ROLES)[number];

const READ: readonly Scope[] = ["tasks:read", "approvals:read", "workflows:read", "agents:read", "webhooks:read", "schedules:read"];
const BUILD: readonly Scope[] = [
  ...READ,
  "tasks:write",
  "approvals:decide",
  "workflows:write",
  "agents:write",
  "agents:work",
  "webhooks:write",
  "schedules:write",
  "schedules:run",
];

const SCOPES_OF: { readonly [R in Role]: readonly Scope[] } = {
  /** Everything within a tenant. */
  admin: [...BUILD, "keys:read", "keys:write"],
  /** Builds: workflows, agents, tasks, when those run, and who is told of them. */
  developer: BUILD,
  /** Runs what others have built. */
  operator: [...READ, "tasks:write", "approvals:decide", "schedules:run"],
  viewer: READ,
  /** One agent's workers: they take its work and say that they are there, and nothing else. */
  agent: ["agents:work"],
};

export function scopesOf(roles: readonly Role[]): ReadonlySet<Scope> {
  return new Set(roles.flatMap((role) => SCOPES_OF[role]));
}
