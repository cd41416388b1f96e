import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { canonicalJson, type Json } from "../../shared/json.ts";

/** What is approved is this and nothing else. */
export function hashOf(payload: Json): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(payload))));
}
