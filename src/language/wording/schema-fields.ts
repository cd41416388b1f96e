/** Which fields the schema of a document allows at a place. */
import type { z } from "zod";
import { bare, optionsFor, type Schema } from "../../shared/schema-parts.ts";

export type Path = readonly PropertyKey[];

/** Fields of the object at `path`, in the schema's order; where several shapes are allowed, those of all that fit its `type`. */
export function fieldsAt(schema: z.core.$ZodType, document: unknown, path: Path): readonly string[] {
  let schemas = optionsOf(schema as Schema, document);
  let value = document;
  for (const segment of path) {
    value = memberOf(value, segment);
    schemas = schemas.flatMap((outer) => {
      const inner = memberSchema(outer, segment);
      return inner === undefined ? [] : optionsOf(inner, value);
    });
  }
  return [...new Set(schemas.flatMap((option) => (option._zod.def.type === "object" ? Object.keys(option._zod.def.shape) : [])))];
}

export function valueAt(document: unknown, path: Path): unknown {
  return path.reduce(memberOf, document);
}

function memberOf(value: unknown, segment: PropertyKey): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, segment)
    ? (value as { readonly [key: PropertyKey]: unknown })[segment]
    : undefined;
}

function memberSchema(schema: Schema, segment: PropertyKey): Schema | undefined {
  const { def } = schema._zod;
  if (def.type === "object") return Object.hasOwn(def.shape, segment) ? (def.shape[String(segment)] as Schema) : undefined;
  if (def.type === "array") return def.element as Schema;
  return def.type === "record" ? (def.valueType as Schema) : undefined;
}

/** What a schema comes to for a value, without what is around it; of a union all that it may be. */
function optionsOf(schema: Schema, value: unknown): readonly Schema[] {
  const inner = bare(schema);
  const { def } = inner._zod;
  return def.type === "union" ? optionsFor(def, value).flatMap((option) => optionsOf(option, value)) : [inner];
}
