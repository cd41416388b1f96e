/** What a family of tasks adds to the shapes of the engine: a task, all that its steps start, and all that its end starts. */
import { chainsOf, type Claims } from "./claims.ts";
import type { Graph } from "../../../language/graph.ts";

/** PERSISTED, in `task.created`. */
export interface FamilyOfCreated {
  /** Absent where it starts no task, and where it began before families had a bound. */
  readonly family?: FamilyShare;
}

/** PERSISTED. */
export interface FamilyShare {
  /** The task that the family began with. */
  readonly root: string;
  /** How many tasks it may come to: itself, and all that come of it. */
  readonly tasks: number;
  /** How many come at most of a workflow, by how it is referred to; only where that is known beforehand, and few. */
  readonly needs?: Needs;
}

export interface Needs {
  readonly [reference: string]: number;
}

/** PERSISTED, where a task that a step starts begins and ends: how many it may come to, and how many it came to. */
export interface FamilyOfChild {
  readonly share?: number;
}
export interface FamilyOfChildEnd {
  readonly used?: number;
}

export interface Family {
  /** How many more tasks may come of it: neither used nor lent. */
  left: number;
  /** What may still be started, as far as that is known. */
  claims: Claims;
  /** … and of that by steps that have begun: what they have not passed on to those inside them. */
  readonly held: Map<number, Claims>;
  /** What is lent, by task. */
  readonly open: Map<string, number>;
}

export function initialFamily({ family }: FamilyOfCreated, graph: Graph): Family | null {
  if (family === undefined) return null;
  return { left: family.tasks - 1, claims: chainsOf(graph, family.needs ?? {}), held: new Map(), open: new Map() };
}
