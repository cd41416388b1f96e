/**
 * The lines of a file: a header, then a record each, with a proof that this tenant was given it as it is.
 *
 * B1. A record is taken back as it was given out or not at all: who could change one could have a secret that is sealed in it
 *     sent elsewhere.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import { canonicalJson, type Json } from "../shared/json.ts";
import type { Keyring } from "../shared/keyring.ts";

export const FORMAT = "orchestrator-registry";

/** PERSISTED in files. */
export const header = z.looseObject({ format: z.literal(FORMAT), v: z.literal(1) });

/** PERSISTED in files. `proof`: a token over tenant, kind and record. */
export const line = z.strictObject({ kind: z.string(), record: z.record(z.string(), z.unknown()), proof: z.string().max(1_000) });

export function headerText(nextCursor: string | null, now: number): string {
  return JSON.stringify({ format: FORMAT, v: 1, exported_at: new Date(now).toISOString(), next_cursor: nextCursor });
}

export function lineText(keyring: Keyring, tenant: string, kind: string, record: unknown): string {
  const text = JSON.stringify(record);
  const proof = keyring.sign(claimOf(tenant, kind, JSON.parse(text) as Json));
  return `{"kind":${JSON.stringify(kind)},"record":${text},"proof":${JSON.stringify(proof)}}`;
}

export function isProven(keyring: Keyring, tenant: string, { kind, record, proof }: z.infer<typeof line>): boolean {
  return keyring.verify(proof) === claimOf(tenant, kind, record as Json);
}

function claimOf(tenant: string, kind: string, record: Json): string {
  return `registry~${tenant}~${kind}~${createHash("sha256").update(canonicalJson(record)).digest("hex")}`;
}
