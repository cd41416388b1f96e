/** Who does something: named in every fact that somebody caused, and in everything that is registered. */
import type { Role, Scope } from "./scopes.ts";

export const ACTOR_TYPES = ["key", "user", "token", "agent", "schedule", "task", "link", "system"] as const;
export type ActorType = (typeof ACTOR_TYPES)[number];

/** PERSISTED in facts and beside what is registered, and the same on the wire. Its tenant is that of what it stands in. */
export interface By {
  readonly type: ActorType;
  readonly id: string;
  readonly name?: string;
  /** Of a link: who made it. */
  readonly made_by?: By;
}

export interface Actor extends By {
  readonly tenant: string;
  readonly roles: readonly Role[];
  readonly scopes: ReadonlySet<Scope>;
}

/** Something of the service's own that acts for whoever set it up: a schedule, a task, a link. */
export function delegate(tenant: string, by: By, scopes: readonly Scope[], roles: readonly Role[] = []): Actor {
  return { ...by, tenant, roles, scopes: new Set(scopes) };
}

/** What is kept of an actor. */
export function byOf({ type, id, name, made_by }: By): By {
  return { type, id, ...(name !== undefined && { name }), ...(made_by && { made_by }) };
}

/** The member of a fact that says who caused it, where somebody did. */
export function causedBy({ actor }: { readonly actor?: By | undefined }): { readonly actor?: By } {
  return actor === undefined ? {} : { actor };
}
