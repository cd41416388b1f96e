/** The credential in a callback URL: signed by the service, good for one attempt, worthless once that has settled. */
import type { Keyring } from "../shared/keyring.ts";

export interface AttemptAddress {
  readonly tenant: string;
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
}

/** Tenants, tasks and steps have letters, digits and `_.-` in their names, so `~` separates them. */
export function callbackToken(keyring: Keyring, { tenant, task, step, attempt }: AttemptAddress): string {
  return keyring.sign(`${tenant}~${task}~${step}~${attempt}`);
}

/** The attempt that a token is for, or `null` when it is none of ours. */
export function parseCallbackToken(keyring: Keyring, token: string): AttemptAddress | null {
  const [tenant, task, step, attempt] = keyring.verify(token)?.split("~") ?? [];
  if (tenant === undefined || task === undefined || step === undefined || attempt === undefined) return null;
  return { tenant, task, step, attempt: Number(attempt) };
}
