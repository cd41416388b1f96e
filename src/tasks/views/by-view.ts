/** By whom, as readers get it: also of facts from before actors were recorded, as far as they say. */
import { z } from "@hono/zod-openapi";
import type { ByView } from "../../http/by.ts";
import { LIMITS } from "../limits.ts";
import { ACTOR_TYPES, byOf, type By } from "../../shared/actor.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import type { TaskEvent } from "../../engine/facts/event.ts";

/** `type:id`. What an imported file says of others is not asked. */
export const actorFilter = z
  .string()
  .max(LIMITS.actorKeyLength, { abort: true })
  .regex(new RegExp(`^(?:${ACTOR_TYPES.join("|")}):[\\s\\S]+$`), `expected a type (${ACTOR_TYPES.join(", ")}), a colon and an id`)
  .openapi({ description: "Who submitted them, or what made them start", example: "schedule:nightly" });

/** As a filter names somebody, and an index. */
export const actorKey = ({ type, id }: Pick<ByView, "type" | "id">): string => `${type}:${id}`;

/** Who submitted the task, or brought it here. */
export function submitterOf({ imported, ...created }: TaskCreated): ByView | null {
  return imported === undefined ? submitter(created) : (imported.by ?? null);
}

/** Who caused a fact of the task that begins with `created`; `null` where it followed by itself, or nobody knows. */
export function causeOf(event: TaskEvent, created: TaskCreated): ByView | null {
  const cause =
    event.type === "task.created" ? submitter(event) : "actor" in event && event.actor ? byOf(event.actor) : inferred(event, created);
  return cause && asTold(cause, created);
}

/** What an imported file says is shown as that. */
export function asTold(by: ByView, { imported }: TaskCreated): ByView {
  return imported === undefined ? by : { ...by, imported: true };
}

function submitter({ actor: said, parent, forked, chain, schedule }: Omit<TaskCreated, "imported">): ByView | null {
  if (said !== undefined) return byOf(said);
  return inferredSubmitter({ parent: parent?.task, isFork: forked !== undefined, chainedFrom: chain?.from, schedule });
}

/** Of a task that does not say it. A fork has kept what the one before it had of these, and was somebody's all the same. */
export function inferredSubmitter(told: {
  readonly parent: string | undefined;
  readonly isFork: boolean;
  readonly chainedFrom: string | undefined;
  readonly schedule: string | undefined;
}): ByView | null {
  const { parent, isFork, chainedFrom, schedule } = told;
  const task = parent ?? (isFork ? undefined : chainedFrom);
  if (task !== undefined) return { type: "task", id: task };
  return isFork || schedule === undefined ? null : { type: "schedule", id: schedule };
}

function inferred(event: TaskEvent, { parent }: TaskCreated): ByView | null {
  switch (event.type) {
    case "task.paused":
    case "task.resumed":
      return event.by === "parent" && parent !== undefined ? { type: "task", id: parent.task } : null;
    case "approval.decided":
      return deciderOf(event);
    default:
      return null;
  }
}

/** What stands between the person and the link that they used. */
const LINK = " (link ";

/** Who decided; `by` is what a quorum counts them by: a key's id, or the person and the link that they used. */
export function deciderOf({ by: voter, actor: said }: { readonly by: string; readonly actor?: By | null | undefined }): ByView {
  if (said) return byOf(said);
  if (voter.startsWith("link ")) return { type: "link", id: voter.slice("link ".length) };
  const at = voter.endsWith(")") ? voter.lastIndexOf(LINK) : -1;
  if (at === -1) return { type: "key", id: voter };
  return { type: "link", id: voter.slice(at + LINK.length, -1), name: voter.slice(0, at) };
}
