/** The credential in a callback URL: signed by the service, good for one attempt, worthless once that has settled. */
import type { Keyring } from "../../shared/keyring.ts";

export interface AttemptAddress {
  readonly tenant: string;
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
}

/** Tenants, tasks and ids have letters, digits and `_.-` in their names, so `~` separates them. */
export function callbackToken(keyring: Keyring, { tenant, task, step, attempt }: AttemptAddress): string {
  return keyring.sign(`${tenant}~${task}~${pathToSegment(step)}~${attempt}`);
}

/** The attempt that a token is for, or `null` when it is none of ours. */
export function parseCallbackToken(keyring: Keyring, token: string): AttemptAddress | null {
  const [tenant, task, step, attempt] = keyring.verify(token)?.split("~") ?? [];
  if (tenant === undefined || task === undefined || step === undefined || attempt === undefined) return null;
  return { tenant, task, step: segmentToPath(step), attempt: Number(attempt) };
}

/** The path of a step inside others has characters that mean something in a URL. */
function pathToSegment(path: string): string {
  return /^[\w.-]+$/.test(path) ? path : `*${Buffer.from(path).toString("base64url")}`;
}

function segmentToPath(segment: string): string {
  return segment.startsWith("*") ? Buffer.from(segment.slice(1), "base64url").toString() : segment;
}
