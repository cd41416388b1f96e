/** PERSISTED: the fact that a task begins with, and what it says of where the task comes from and what becomes of it. */
import type { Rules } from "../../language/rules.ts";
import type { By } from "../../shared/actor.ts";
import type { AspectsOfCreated } from "../aspects/shapes.ts";
import type { Failure } from "./failure.ts";
import type { StoredValue } from "./value.ts";

export interface TaskCreated extends AspectsOfCreated {
  readonly type: "task.created";
  readonly v: 1;
  readonly tenant: string;
  readonly task: string;
  /** By which it decides; absent: by those of the first release. */
  readonly rules?: Rules;
  /** The type it was submitted as; absent for an inline workflow. */
  readonly task_type?: string;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly definition: StoredValue;
  readonly input: StoredValue;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly deadline_at?: number;
  readonly queue_ttl_ms: number;
  readonly on_no_agent: "wait" | "fail";
  readonly fail_fast: boolean;
  /** SHA-256 of the submitted body, for a task with an idempotency key. */
  readonly fingerprint?: string;
  readonly traceparent: string;
  /** What tracers of others say of its trace; agents get it as it came. */
  readonly tracestate?: string;
  /** Where the service was reached: the base of callback URLs. */
  readonly origin: string;
  /** The step that started it, in the task that waits for it. */
  readonly parent?: Parent;
  /** It works on a part of a map's items: its input has them, and what the steps inside read from outside. */
  readonly spread?: Spread;
  /** The task whose end started it, and how many there have been in a row. */
  readonly chain?: { readonly from: string; readonly depth: number };
  /** The task whose past it shares, up to which of its events; `retry`: to do again what had failed, without any change. */
  readonly forked?: { readonly from: string; readonly seq: number; readonly retry?: true };
  /** It was brought here by somebody from elsewhere, where it had this id; nothing of it happened here. */
  readonly imported?: { readonly from: string; readonly by?: By };
  /** Who submitted it, or had it start; of an imported one as its file says. */
  readonly actor?: By;
  /** The schedule that started it, and the time that it is for. */
  readonly schedule?: string;
  readonly scheduled_at?: number;
  /** The definitions that its steps and chains may start, by how they are referred to. */
  readonly library?: StoredValue;
  /** Who is told of its end; the secret is sealed. */
  readonly webhook?: { readonly url: string; readonly secret?: string };
}

/** PERSISTED. `depth`: how many are inside each other; `above`: those that wait for the task itself, the nearest first. */
export interface Parent {
  readonly task: string;
  readonly step: string;
  readonly branch: number;
  readonly depth: number;
  readonly above?: readonly string[];
}

/** The tasks that wait for this one, as far as it was told of them, the nearest first. */
export const tasksAbove = ({ parent }: Pick<TaskCreated, "parent">): readonly string[] =>
  parent === undefined ? [] : [parent.task, ...(parent.above ?? [])];

/** What a task says to one that it starts of where that stands. */
export function parentOf(created: Pick<TaskCreated, "task" | "parent">, step: string, branch: number): Parent {
  const above = tasksAbove(created);
  return { task: created.task, step, branch, depth: (created.parent?.depth ?? 0) + 1, ...(above.length > 0 && { above }) };
}

/** A workflow that was to be started when the task had ended: the task it became, or why it did not. */
export interface Chained {
  readonly workflow: string;
  readonly task?: string;
  readonly error?: Failure;
}

/** `path`: ids from the outermost block to the map. `first`: the index of its first item among all. */
export interface Spread {
  readonly path: readonly string[];
  readonly first: number;
  readonly concurrency: number;
  /** How many items may fail, of all. */
  readonly tolerate: number;
}
