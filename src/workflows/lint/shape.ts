/** The shape that a JSON Schema describes, and what is found in a shape at a path. */
import { ANYTHING, either, NULL, NUMBER, shapeOfJson, TEXT, type Shape } from "../../language/shape.ts";
import { isJsonObject, segmentsOf, type Json, type JsonObject } from "../../shared/json.ts";
import type { JsonSchema } from "../../shared/json-schema.ts";
import { LIMITS } from "../limits.ts";
import type { Path } from "./accesses.ts";

/** A path that leads nowhere: where it leaves what is known, and what there is. */
export interface Miss {
  /** The place in the path of the field that is not there. */
  readonly index: number;
  readonly on: Exclude<Shape, { type: "any" | "null" | "either" }>;
}

/** The value at a path, or where there is none. */
export function follow(shape: Shape, path: Path, from = 0): Shape | Miss {
  const key = path[from];
  if (key === undefined || shape.type === "any") return shape;
  switch (shape.type) {
    case "null":
      return ANYTHING; // what may be missing is another matter
    case "plain":
      return { index: from, on: shape };
    case "list":
      return typeof key === "string" ? { index: from, on: shape } : follow(shape.items, path, from + 1);
    case "object": {
      if (typeof key !== "string") return ANYTHING;
      const field = shape.fields.get(key);
      if (field !== undefined) return follow(field, path, from + 1);
      return shape.others === "any" ? ANYTHING : { index: from, on: shape };
    }
    case "either": {
      const found = shape.shapes.filter(({ type }) => type !== "null").map((one) => follow(one, path, from));
      const there = found.filter((one): one is Shape => !isMiss(one));
      if (there.length > 0 || found.length === 0) return either(there);
      return (found as readonly Miss[]).reduce((furthest, miss) => (miss.index > furthest.index ? miss : furthest));
    }
  }
}

export const isMiss = (found: Shape | Miss): found is Miss => "index" in found;

/** The most items a list can have; `null` where nobody says, or it is none. */
export function mostItems(shape: Shape): number | null {
  if (shape.type === "list") return shape.most;
  if (shape.type !== "either") return null;
  const counts = shape.shapes.filter(({ type }) => type !== "null").map(mostItems);
  return counts.length === 0 || counts.includes(null) ? null : Math.max(...(counts as readonly number[]));
}

/** Keywords by which a field may be allowed that `properties` does not name, or not be what it says. */
const UNREADABLE = ["patternProperties", "if", "dependentSchemas", "unevaluatedProperties", "$dynamicRef", "not"];

/** As far as it is plain: what is said in a way that is not looked into may be anything. */
export function shapeOfSchema(schema: JsonSchema, root: JsonSchema = schema, depth = 0): Shape {
  if (typeof schema === "boolean" || depth > LIMITS.schemaDepth) return ANYTHING;
  const json = schema as JsonObject;
  if (UNREADABLE.some((keyword) => keyword in json)) return ANYTHING;
  const inner = (part: Json | undefined): Shape => (isSchema(part) ? shapeOfSchema(part, root, depth + 1) : ANYTHING);
  if (typeof json["$ref"] === "string") return inner(referred(root as Json, json["$ref"]));
  if (Array.isArray(json["allOf"])) return ANYTHING;
  for (const keyword of ["anyOf", "oneOf"]) {
    if (Array.isArray(json[keyword])) return "properties" in json ? ANYTHING : either((json[keyword] as readonly Json[]).map(inner));
  }
  if ("const" in json) return shapeOfJson(json["const"] ?? null);
  const { type = "properties" in json ? "object" : undefined } = json;
  const types: readonly Json[] = Array.isArray(type) ? type : [type ?? null];
  return either(types.map((one) => (typeof one === "string" ? shapeOfType(one, json, inner) : ANYTHING)));
}

const isSchema = (part: Json | undefined): part is JsonObject | boolean => typeof part === "boolean" || isJsonObject(part);

function referred(root: Json, reference: string): Json | undefined {
  if (!reference.startsWith("#")) return undefined;
  return segmentsOf(reference.slice(1)).reduce<Json | undefined>(
    (part, segment) => (isJsonObject(part) && Object.hasOwn(part, segment) ? part[segment] : undefined),
    root,
  );
}

function shapeOfType(type: string, schema: JsonObject, inner: (part: Json | undefined) => Shape): Shape {
  switch (type) {
    case "object": {
      const { properties, additionalProperties: more } = schema;
      const fields = new Map(Object.entries(isJsonObject(properties) ? properties : {}).map(([name, part]) => [name, inner(part)]));
      // An object of which nothing is said may have any field.
      const isOpen = isJsonObject(more) || more === true || (more === undefined && fields.size === 0);
      return { type: "object", fields, others: more === false ? "none" : isOpen ? "any" : "undeclared" };
    }
    case "array":
      return {
        type: "list",
        items: "prefixItems" in schema ? ANYTHING : inner(schema["items"]),
        most: typeof schema["maxItems"] === "number" ? schema["maxItems"] : null,
      };
    case "string":
      return TEXT;
    case "number":
    case "integer":
      return NUMBER;
    case "boolean":
      return { type: "plain", name: "true or false" };
    case "null":
      return NULL;
    default:
      return ANYTHING;
  }
}
