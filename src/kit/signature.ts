/**
 * Whether a request comes from who knows the secret, as Standard Webhooks has it: HMAC-SHA256 over
 * `<webhook-id>.<webhook-timestamp>.<body>`, in base64.
 */
import { LIMITS } from "./limits.ts";

/** Both ask the same of headers; `null` means that nothing is wrong, else it is what is. */
export interface Verifier {
  /** What can be said before the body was read. */
  readonly faultOfHeaders: (headers: Headers, now: number) => string | null;
  /** Everything: the headers, and that one of the signatures was made with one of the secrets. Takes the same time for every wrong one. */
  readonly faultOf: (headers: Headers, body: Uint8Array, now: number) => Promise<string | null>;
}

/** `secrets`: each `whsec_` and base64. Throws a `TypeError` where one is not. */
export function createVerifier(secrets: readonly string[]): Verifier {
  const rawKeys = secrets.map(keyBytes);
  // Runtimes may forbid cryptography before the first request.
  let keys: readonly CryptoKey[] | undefined;

  return {
    faultOfHeaders,
    faultOf: async (headers, body, now) => {
      const fault = faultOfHeaders(headers, now);
      if (fault !== null) return fault;
      keys ??= await Promise.all(rawKeys.map(importKey));
      const signed = signedContent(headers.get("webhook-id") ?? "", headers.get("webhook-timestamp") ?? "", body);
      for (const signature of signaturesIn(headers.get("webhook-signature") ?? "")) {
        // The comparison inside `verify` takes constant time.
        for (const key of keys) if (await crypto.subtle.verify("HMAC", key, signature, signed)) return null;
      }
      return "the signature does not match";
    },
  };
}

function faultOfHeaders(headers: Headers, now: number): string | null {
  for (const name of ["webhook-id", "webhook-timestamp", "webhook-signature"])
    if ((headers.get(name) ?? "") === "") return `expected the header ${name}`;
  const timestamp = headers.get("webhook-timestamp") ?? "";
  if (!/^\d{1,12}$/.test(timestamp)) return "expected webhook-timestamp in seconds since 1970";
  if (Math.abs(now - Number(timestamp) * 1_000) > LIMITS.signatureAgeMs)
    return "webhook-timestamp is more than five minutes from this agent's clock";
  return null;
}

function keyBytes(secret: string): Uint8Array<ArrayBuffer> {
  const bytes = secret.startsWith("whsec_") ? fromBase64(secret.slice("whsec_".length)) : null;
  if (bytes === null || bytes.length === 0) throw new TypeError('A secret is "whsec_" and base64, as the orchestrator gave it');
  return bytes;
}

function importKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

function signedContent(id: string, timestamp: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return content;
}

/** Other versions than `v1` are passed over: a sender may add them before every receiver knows them. */
function signaturesIn(header: string): readonly Uint8Array<ArrayBuffer>[] {
  return header
    .split(" ", LIMITS.signatures)
    .flatMap((part) => (part.startsWith("v1,") ? [fromBase64(part.slice("v1,".length))] : []))
    .filter((signature) => signature !== null);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
