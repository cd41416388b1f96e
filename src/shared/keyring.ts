/**
 * The keys of the service: secrets at rest and tokens it signs itself.
 *
 * K1. What is sealed or signed names the key it was made with, so keys can be added (`ENCRYPTION_KEYS`, the last one is
 *     used for new values) without losing what the earlier ones made.
 * K2. A sealed value is bound to its place (tenant, agent, field): moved elsewhere it does not open.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { bytesToHex } from "@noble/hashes/utils.js";
import { createMac, type Mac } from "./mac.ts";

export interface Keyring {
  /** AES-256-GCM; `key.iv.ciphertext.tag`, the parts in base64url. */
  readonly seal: (text: string, place: string) => string;
  /** `null` when the key is gone, the value was altered, or it belongs elsewhere. */
  readonly open: (sealed: string, place: string) => string | null;
  /** A signed token, `key~payload~mac`, around a payload that may stand in a URL as it is. */
  readonly sign: (payload: string) => string;
  /** The payload of a token of ours, else `null`. */
  readonly verify: (token: string) => string | null;
}

/** `keys` are named secrets of 32 bytes, oldest first. */
export function createKeyring(keys: readonly { readonly name: string; readonly secret: Uint8Array }[]): Keyring {
  const encryption = new Map(keys.map(({ name, secret }) => [name, createSecretKey(derive(secret, "seal"))]));
  const signing = new Map(keys.map(({ name, secret }) => [name, createMac(derive(secret, "sign"))]));
  const newest = keys.at(-1)?.name ?? "";
  const [sealingKey, newestMac] = [encryption.get(newest), signing.get(newest)];
  if (sealingKey === undefined || newestMac === undefined) throw new Error("Defect: a keyring needs a key");

  return {
    seal: (text, place) => {
      const iv = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", sealingKey, iv).setAAD(Buffer.from(place));
      const ciphertext = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
      return [newest, ...[iv, ciphertext, cipher.getAuthTag()].map((part) => part.toString("base64url"))].join(".");
    },
    open: (sealed, place) => {
      const [name = "", ...parts] = sealed.split(".");
      const [iv, ciphertext, tag] = parts.map((part) => Buffer.from(part, "base64url"));
      const key = encryption.get(name);
      if (key === undefined || iv === undefined || ciphertext === undefined || tag?.length !== 16) return null;
      try {
        const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(place)).setAuthTag(tag);
        return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString("utf8");
      } catch {
        return null;
      }
    },
    sign: (payload) => {
      const body = `${newest}~${payload}`;
      return `${body}~${tagOf(newestMac, body)}`;
    },
    verify: (token) => {
      const end = token.lastIndexOf("~");
      const body = token.slice(0, end);
      const start = body.indexOf("~");
      const mac = signing.get(body.slice(0, start));
      if (mac === undefined || start === -1) return null;
      const expected = Buffer.from(tagOf(mac, body));
      const actual = Buffer.from(token.slice(end + 1));
      if (actual.length !== expected.length || !timingSafeEqual(actual, expected)) return null;
      return body.slice(start + 1);
    },
  };
}

/** A key for one purpose from a secret, so that no two uses ever share one. */
export function derive(secret: Uint8Array | string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "orchestrator", purpose, 32));
}

/** Half of an HMAC-SHA256 in hexadecimal: 128 bits, which nobody guesses, in a URL that stays short. */
function tagOf(mac: Mac, text: string): string {
  return bytesToHex(mac(text).subarray(0, 16));
}
