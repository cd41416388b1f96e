/** Parts of a zod schema, for those who walk over a value with the schema of each of its places. */
import type { z } from "zod";

export type Schema = z.core.$ZodTypes;

/** What a schema says of a value, without what is around it: absence, defaults, names given later, what follows the check. */
export function bare(schema: Schema): Schema {
  const { def } = schema._zod;
  switch (def.type) {
    case "optional":
    case "nonoptional":
    case "nullable":
    case "default":
    case "readonly":
      return bare(def.innerType as Schema);
    case "lazy":
      return bare(def.getter() as Schema);
    case "pipe":
      return bare(def.in as Schema);
    default:
      return schema;
  }
}

/** The options of a union that a value may be: where a field tells them apart, those whose it is. */
export function optionsFor({ options, ...def }: z.core.$ZodUnionDef, value: unknown): readonly Schema[] {
  const discriminator = "discriminator" in def ? String(def.discriminator) : null;
  return (options as readonly Schema[]).filter((option) => discriminator === null || isChosen(option, discriminator, value));
}

function isChosen(option: Schema, discriminator: string, value: unknown): boolean {
  const { def } = option._zod;
  const field = def.type === "object" ? def.shape[discriminator] : undefined;
  const given =
    typeof value === "object" && value !== null && Object.hasOwn(value, discriminator) ? value[discriminator as keyof object] : undefined;
  return field?._zod.values?.has(given) ?? false;
}
