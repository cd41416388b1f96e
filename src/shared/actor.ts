/** Who does something: named in every fact that somebody caused, and in everything that is registered. */
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
}

/** Whoever holds the credentials of a request: the agent that they are bound to, else the key itself. */
export function actorOf({
  tenant,
  subject,
  agent,
}: {
  readonly tenant: string;
  readonly subject: string;
  readonly agent: string | null;
}): Actor {
  return agent === null ? { tenant, type: "key", id: subject } : { tenant, type: "agent", id: agent };
}

/** What is kept of an actor. */
export function byOf({ type, id, name, made_by }: By): By {
  return { type, id, ...(name !== undefined && { name }), ...(made_by && { made_by }) };
}

/** The member of a fact that says who caused it, where somebody did. */
export function causedBy({ actor }: { readonly actor?: By | undefined }): { readonly actor?: By } {
  return actor === undefined ? {} : { actor };
}
