/** What is known of a value before there is one. */
import { isJsonObject, type Json } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";

export type Shape =
  | { readonly type: "any" }
  | { readonly type: "null" }
  /** A text, a number, true or false: without fields. */
  | { readonly type: "plain"; readonly name: string }
  /** `most`: how many items there can be; `null` where nobody says. */
  | { readonly type: "list"; readonly items: Shape; readonly most: number | null }
  /** `others`: whether there are fields beside those that are named. `undeclared`: nothing forbids them. */
  | { readonly type: "object"; readonly fields: ReadonlyMap<string, Shape>; readonly others: "none" | "undeclared" | "any" }
  | { readonly type: "either"; readonly shapes: readonly Shape[] };

export const ANYTHING: Shape = { type: "any" };
export const NULL: Shape = { type: "null" };
export const TEXT: Shape = { type: "plain", name: "a text" };
export const NUMBER: Shape = { type: "plain", name: "a number" };

/** An object with these fields and no others. */
export function objectOf(fields: { readonly [name: string]: Shape }): Shape {
  return { type: "object", fields: new Map(Object.entries(fields)), others: "none" };
}

/** One of several. What is one of several itself adds its own, so that none is inside of another. */
export function either(shapes: readonly Shape[]): Shape {
  const flat = [...new Set(shapes.flatMap((shape) => (shape.type === "either" ? shape.shapes : [shape])))];
  const [only] = flat;
  if (flat.length === 1 && only !== undefined) return only;
  const isKnown = flat.length > 0 && flat.length <= LIMITS.shapeChoices && flat.every(({ type }) => type !== "any");
  return isKnown ? { type: "either", shapes: flat } : ANYTHING;
}

/** The shape of a value that is written out. */
export function shapeOfJson(value: Json): Shape {
  if (value === null) return NULL;
  if (typeof value === "string") return TEXT;
  if (typeof value !== "object") return typeof value === "number" ? NUMBER : { type: "plain", name: "true or false" };
  if (!isJsonObject(value)) {
    return { type: "list", items: either(value.map(shapeOfJson)), most: value.length };
  }
  return objectOf(Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOfJson(member)])));
}
