/** The credential in a callback URL: signed by the service, good for one attempt, worthless once that has settled. */
import { z } from "zod";
import type { Keyring } from "../shared/keyring.ts";

export interface AttemptAddress {
  readonly tenant: string;
  readonly task: string;
  readonly step: string;
  readonly attempt: number;
}

const payload = z.tuple([z.string(), z.string(), z.string(), z.int()]);

export function callbackToken(keyring: Keyring, { tenant, task, step, attempt }: AttemptAddress): string {
  return keyring.sign(JSON.stringify([tenant, task, step, attempt]));
}

/** The attempt that a token is for, or `null` when it is none of ours. */
export function parseCallbackToken(keyring: Keyring, token: string): AttemptAddress | null {
  const verified = keyring.verify(token);
  if (verified === null) return null;
  const parsed = payload.safeParse(JSON.parse(verified));
  if (!parsed.success) return null;
  const [tenant, task, step, attempt] = parsed.data;
  return { tenant, task, step, attempt };
}
