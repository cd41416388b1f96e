/** A member called `__proto__`: JSON has it like any other, and the library leaves it out of what it has read. */
import type { z } from "zod";

const NAME = "__proto__";

/**
 * The schema itself, which from now on keeps a member of that name: of a record as its values are, of an object with
 * other members as it is, unless `refusal` says of the whole why it may not be there. What is made of the schema with
 * `refine`, `openapi` and the like is another schema.
 */
export function keepEveryName<T extends z.core.$ZodType>(schema: T, refusal: (whole: object) => string | null = () => null): T {
  const run = schema._zod.run.bind(schema._zod);
  const { def } = schema._zod as unknown as z.core.$ZodTypes["_zod"];
  const member = def.type === "record" ? def.valueType : null;
  schema._zod.run = (payload, context) => {
    const given: unknown = payload.value;
    const result = run(payload, context);
    if (typeof given !== "object" || given === null || !Object.hasOwn(given, NAME) || result instanceof Promise) return result;
    const value = (given as { readonly [name: string]: unknown })[NAME];
    const why = refusal(given);
    if (why !== null) {
      result.issues.push({ code: "custom", message: why, input: value, path: [NAME] });
      return result;
    }
    const read = member === null ? { value, issues: [] } : member._zod.run({ value, issues: [] }, context);
    if (read instanceof Promise) throw new Error("Defect: a record's values are read at once");
    result.issues.push(...read.issues.map((issue) => ({ ...issue, path: [NAME, ...(issue.path ?? [])] })));
    if (typeof result.value !== "object" || result.value === null) return result;
    // A plain assignment would set what the object inherits from.
    const kept = Object.fromEntries([...Object.entries(result.value), [NAME, read.value]]);
    return { ...result, value: kept };
  };
  return schema;
}
