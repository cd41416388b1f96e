/**
 * Ids: prefixed, and sortable by time unless they are derived from something else.
 *
 * A task's id ends in four characters that depend on its tenant and the rest of it. An id that was made up, mistyped or
 * belongs to another tenant is thereby known not to exist without waking (and so creating) an object.
 */
import { createHash } from "node:crypto";
import { hashText } from "./random.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's, lower case
const BODY_LENGTH = 26;
const CHECK_LENGTH = 4;

export type IdPrefix = "task" | "agent" | "key" | "req" | "hook" | "delivery";

/** A new id, e.g. `agent_01jd…`: 48 bits of time, 80 random ones. */
export function newId(prefix: IdPrefix, now: number): string {
  return `${prefix}_${sortableBody(now)}`;
}

/** The id that belongs to these parts: always the same, and to no others. */
export function derivedId(prefix: IdPrefix, ...parts: readonly string[]): string {
  return `${prefix}_${base32(createHash("sha256").update(parts.join("\0")).digest(), BODY_LENGTH)}`;
}

export function newTaskId(tenant: string, now: number): string {
  return withCheck(tenant, sortableBody(now));
}

/** The id of the task that a tenant submits under an idempotency key: always the same. */
export function taskIdFromKey(tenant: string, key: string): string {
  return withCheck(tenant, base32(createHash("sha256").update(`${tenant}\0${key}`).digest(), BODY_LENGTH));
}

/**
 * The id of a task that a step of another starts: always the same, and none that a key of a caller's could have. A task that
 * was deleted and submitted again under its key starts others than it did before.
 */
export function childTaskId(tenant: string, parent: string, createdAt: number, step: string, branch: number): string {
  return taskIdFromKey(tenant, `\0${parent}/${createdAt}/${step}/${branch}`);
}

/** What a schedule submits the task of a run under, as if it were a key of a caller's, and none that one could have. */
export function scheduledTaskKey(schedule: string, run: string): string {
  return `\0schedule/${schedule}/${run}`;
}

/** What a member of a batch is submitted under, as if it were a key of a caller's, and none that one could have. */
export function batchMemberKey(key: string, index: number): string {
  return `\0batch/${key}/${index}`;
}

/** Whether a tenant's task can have this id. */
export function isTaskId(tenant: string, id: string): boolean {
  return /^task_[0-9a-hjkmnp-tv-z]{30}$/.test(id) && withCheck(tenant, id.slice(5, 5 + BODY_LENGTH)) === id;
}

export function randomText(length: number): string {
  return base32(crypto.getRandomValues(new Uint8Array(length)), length);
}

function withCheck(tenant: string, body: string): string {
  let check = "";
  for (let rest = hashText(`${tenant}/${body}`, 0); check.length < CHECK_LENGTH; rest = Math.floor(rest / 32))
    check += ALPHABET.charAt(rest % 32);
  return `task_${body}${check}`;
}

function sortableBody(now: number): string {
  let time = "";
  for (let rest = now; time.length < 10; rest = Math.floor(rest / 32)) time = ALPHABET.charAt(rest % 32) + time;
  return time + randomText(BODY_LENGTH - 10);
}

/** One character per byte: five bits of each. */
function base32(bytes: Uint8Array, length: number): string {
  let text = "";
  for (let at = 0; at < length; at++) text += ALPHABET.charAt((bytes[at] as number) & 31);
  return text;
}
