/** JSON Schema (2020-12) as the rest uses it: whether a schema can be applied at all, and where a value violates it. */
import { Validator } from "@cfworker/json-schema";
import type { Json } from "./json.ts";
import { LIMITS } from "./limits.ts";

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export interface Violation {
  /** JSON Pointer into the value. */
  readonly pointer: string;
  readonly message: string;
}

/** What is wrong with the schema itself, as far as applying it shows (patterns, references), or `null`. */
export function schemaProblem(schema: JsonSchema): string | null {
  try {
    for (const pattern of patternsIn(schema as Json)) RegExp(pattern, "u");
    for (const probe of [null, {}, [], ""]) new Validator(schema, "2020-12", true).validate(probe);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Validators by schema: making one follows every reference in it. */
const validators = new WeakMap<object, { readonly first: Validator; readonly all: Validator }>();

/** Where a value violates a schema: innermost faults, bounded; of a large value only the first. */
export function violationsOf(schema: JsonSchema, value: Json): readonly Violation[] {
  if (schema === true) return [];
  if (schema === false) return [{ pointer: "", message: "nothing is allowed here" }];
  try {
    // Every fault of a large value could be more than anybody reads.
    const isLarge = JSON.stringify(value).length > LIMITS.eventValueBytes;
    const { first, all } = validatorsOf(schema);
    const { valid, errors } = (isLarge ? first : all).validate(value);
    if (valid) return [];
    return innermost(errors).map(({ instanceLocation, error }) => ({ pointer: instanceLocation.replace(/^#/, ""), message: error }));
  } catch (error) {
    return [{ pointer: "", message: `the schema could not be applied: ${error instanceof Error ? error.message : String(error)}` }];
  }
}

function validatorsOf(schema: object) {
  let known = validators.get(schema);
  if (known === undefined) {
    known = { first: new Validator(schema, "2020-12", true), all: new Validator(schema, "2020-12", false) };
    validators.set(schema, known);
  }
  return known;
}

function* patternsIn(schema: Json): Iterable<string> {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "pattern" && typeof value === "string") yield value;
    else if (key === "patternProperties" && typeof value === "object" && value !== null) yield* Object.keys(value);
    yield* patternsIn(value);
  }
}

type Errors = ReturnType<Validator["validate"]>["errors"];

/** The library reports every enclosing schema too; the innermost places are what a caller can act on. */
function innermost(errors: Errors): Errors {
  const some = errors.slice(0, 10 * LIMITS.faults);
  const isInner = (place: string): boolean => !some.some((other) => other.instanceLocation.startsWith(`${place}/`));
  return some.filter(({ instanceLocation }) => isInner(instanceLocation)).slice(0, LIMITS.faults);
}
