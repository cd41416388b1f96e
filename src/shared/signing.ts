/** Signing requests as Standard Webhooks has it: HMAC-SHA256 over `<webhook-id>.<webhook-timestamp>.<body>`, in base64. */
import { randomBytes } from "node:crypto";
import { createMac, type Mac } from "./mac.ts";

/** `whsec_` and 24 to 96 bytes in base64. */
export const SIGNING_SECRET = /^whsec_[A-Za-z0-9+/]{32,128}={0,2}$/;

export function newSigningSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

export function macOfSecret(secret: string): Mac {
  return createMac(Buffer.from(secret.replace(/^whsec_/, ""), "base64"));
}

/** One signature for each secret: whoever knows one of them can tell where the request comes from. */
export function signedHeaders(macs: readonly Mac[], id: string, body: string, now: Date): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1_000));
  const signatures = macs.map((mac) => `v1,${btoa(String.fromCharCode(...mac(`${id}.${timestamp}.${body}`)))}`);
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
