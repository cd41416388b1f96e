/** How large a value is, counted without making a text of it, and no further than anybody wants to know. */
import type { Json } from "./json.ts";

export interface SizeBounds {
  /** Of its JSON: characters of texts, and what is around them. What is referred to twice counts twice. */
  readonly length: number;
  readonly depth: number;
}

export function passesBound(value: Json, bounds: SizeBounds): "too_large" | "too_deep" | null {
  const length = leastLength(value, bounds);
  return typeof length === "number" ? null : length;
}

/** The least that its JSON can be long: numbers count one, and texts as if nothing in them had to be escaped. */
export function leastLength(value: Json, { length, depth }: SizeBounds): number | "too_large" | "too_deep" {
  let left = length;
  const count = (part: Json, room: number): "too_large" | "too_deep" | null => {
    left -= typeof part === "string" ? part.length + 2 : 1;
    if (left < 0) return "too_large";
    if (typeof part !== "object" || part === null) return null;
    if (room === 0) return "too_deep";
    left -= 1;
    if (Array.isArray(part)) {
      left -= Math.max(0, part.length - 1);
      for (const item of part as readonly Json[]) {
        const passed = count(item, room - 1);
        if (passed !== null) return passed;
      }
      return null;
    }
    let isFirst = true;
    for (const [name, member] of Object.entries(part)) {
      left -= name.length + (isFirst ? 3 : 4);
      isFirst = false;
      const passed = count(member, room - 1);
      if (passed !== null) return passed;
    }
    return null;
  };
  return count(value, depth) ?? length - left;
}
