/**
 * HMAC-SHA256 with the key's share of the work done once. Every call of an agent signs twice, and for texts this short
 * the platform's own hashes cost several times as much in crossings as in hashing.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";

/** From a text to its 32 bytes. */
export type Mac = (text: string) => Uint8Array;

export function createMac(key: Uint8Array): Mac {
  const keyed = hmac.create(sha256, key);
  return (text) => keyed.clone().update(utf8ToBytes(text)).digest();
}
