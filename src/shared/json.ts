/** A value as JSON has it. Numbers are finite doubles, objects have string keys. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The same text for the same value, whatever the order of its keys: the basis of fingerprints. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) {
    // Lists of numbers are long: what has no keys is written at once.
    if (value.every((item) => typeof item !== "object" || item === null)) return JSON.stringify(value);
    return `[${value.map(canonicalJson).join(",")}]`;
  }
  if (isJsonObject(value)) {
    const entries = Object.keys(value)
      .toSorted()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** A JSON Pointer (RFC 6901) from its segments. */
export function pointer(...segments: readonly (string | number)[]): string {
  return segments.map((segment) => `/${String(segment).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The segments of a JSON Pointer. */
export function segmentsOf(pointer: string): readonly string[] {
  const [, ...segments] = pointer.split("/");
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}
