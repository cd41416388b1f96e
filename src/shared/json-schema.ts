/**
 * JSON Schema (2020-12) as the rest uses it: whether a schema can be applied at all, and where a value violates it.
 *
 * J1. Applying a schema takes a bounded number of steps, counted while it is done. What is referred to is applied to a
 *     value once, so that schemas which share parts take at most as many steps as they have keywords times the value has
 *     parts. Patterns are matched by RE2; one of another kind is refused where it is registered.
 */
import type { Json } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { passesBound } from "./json-size.ts";
import { KnownSchemas } from "./known-schemas.ts";
import { SchemaCheck, type PlacedFault } from "./schema-check.ts";

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

/** `pointer`: into the value. */
export type Violation = PlacedFault;

/** What is wrong with the schema itself, as far as applying it shows (patterns, references, steps), or `null`. */
export function schemaProblem(schema: JsonSchema): string | null {
  if (typeof schema === "boolean") return null;
  try {
    const known = new KnownSchemas(schema);
    for (const probe of [null, {}, [], ""]) new SchemaCheck(known, { isBrief: true, steps: LIMITS.schemaProbeSteps }).check(schema, probe);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Where a value violates a schema: innermost faults, bounded; of a large value only the first. */
export function violationsOf(schema: JsonSchema, value: Json): readonly Violation[] {
  if (schema === true) return [];
  if (schema === false) return [{ pointer: "", message: "nothing is allowed here" }];
  try {
    // Every fault of a large value could be more than anybody reads.
    const isBrief = passesBound(value, { length: LIMITS.eventValueBytes, depth: Number.POSITIVE_INFINITY }) !== null;
    const check = new SchemaCheck(knownSchemasOnce(schema), { isBrief, steps: LIMITS.schemaSteps });
    return check.check(schema, value) ? [] : innermost(check.faults);
  } catch (error) {
    return [{ pointer: "", message: `the schema could not be applied: ${error instanceof Error ? error.message : String(error)}` }];
  }
}

/** By schema: following every reference in it takes longer than most values. */
const knownBySchema = new WeakMap<object, KnownSchemas>();

function knownSchemasOnce(schema: object & JsonSchema): KnownSchemas {
  const known = knownBySchema.get(schema) ?? new KnownSchemas(schema);
  knownBySchema.set(schema, known);
  return known;
}

/** The schemas around a fault report it, too; the innermost places are what a caller can act on. */
function innermost(faults: readonly PlacedFault[]): readonly Violation[] {
  const around = new Set<string>();
  for (const { pointer } of faults) {
    for (let at = pointer.lastIndexOf("/"); at >= 0; at = pointer.lastIndexOf("/", at - 1)) {
      around.add(pointer.slice(0, at));
      if (at === 0) break;
    }
  }
  return faults.filter(({ pointer }) => !around.has(pointer)).slice(0, LIMITS.faults);
}
