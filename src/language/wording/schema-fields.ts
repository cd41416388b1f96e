/** Which fields the schema of a document allows at a place. */
import type { z } from "zod";

type Schema = z.core.$ZodTypes;
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
  const { def } = schema._zod;
  switch (def.type) {
    case "optional":
    case "nonoptional":
    case "nullable":
    case "default":
    case "readonly":
      return optionsOf(def.innerType as Schema, value);
    case "lazy":
      return optionsOf(def.getter() as Schema, value);
    case "union": {
      const options = def.options as readonly Schema[];
      const discriminator = "discriminator" in def ? String(def.discriminator) : null;
      const chosen = discriminator === null ? options : options.filter((option) => takes(option, discriminator, value));
      return chosen.flatMap((option) => optionsOf(option, value));
    }
    default:
      return [schema];
  }
}

function takes(option: Schema, discriminator: string, value: unknown): boolean {
  const { def } = option._zod;
  const field = def.type === "object" ? def.shape[discriminator] : undefined;
  return field?._zod.values?.has(memberOf(value, discriminator) as z.core.util.Primitive) ?? false;
}
