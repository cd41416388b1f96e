/** PERSISTED: a task under a key, as the gate knows it. */
import type { Lease } from "../objects/leases.ts";
import type { Ranked } from "../objects/ranked-line.ts";

interface AnyMember {
  readonly task: string;
  /** When it was submitted: the order of tasks under a key, equal moments by id. */
  readonly submittedAt: number;
  /** Those before it are to end. */
  readonly cancels?: true;
  /** It does not begin after a later one, and those before it that say the same do not begin after it. */
  readonly outdated?: "cancel";
}

export interface Waiting extends AnyMember, Ranked {
  readonly state: "waiting";
}

export interface Holding extends AnyMember, Lease {
  readonly state: "holding";
  /** It is being submitted: nobody has seen it yet. */
  readonly reserved?: true;
  /** The task that wants its place: it is told to end, and keeps the place until it has. */
  readonly canceledBy?: string;
}

/** It gave its place in line to a later one, and is told so until it has heard. */
export interface Dismissed extends AnyMember {
  readonly state: "dismissed";
  readonly by: string;
}

export type Member = Waiting | Holding | Dismissed;

/** The last in the order of submission of those that have begun and say that an outdated one is canceled. */
export interface Newest {
  readonly task: string;
  readonly submittedAt: number;
}

export function isBefore(one: Newest, other: Newest): boolean {
  return one.submittedAt !== other.submittedAt ? one.submittedAt < other.submittedAt : one.task < other.task;
}
