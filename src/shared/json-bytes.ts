import type { Json } from "./json.ts";

/** JSON in UTF-8, as large values travel: a text with one character outside of Latin-1 would take twice the room. */
export function jsonToBytes(value: Json): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function bytesToJson(bytes: Uint8Array): Json {
  return JSON.parse(new TextDecoder().decode(bytes)) as Json;
}
