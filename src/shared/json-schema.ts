/**
 * JSON Schema (2020-12) as the rest uses it: whether a schema can be applied at all, and where a value violates it.
 *
 * J1. No schema takes longer than linear time. Patterns are matched by RE2, one of another kind is refused where it is
 *     registered, and what still multiplies (long patterns on long texts, lists compared item by item) has a budget.
 */
import { format, Validator } from "@cfworker/json-schema";
import { RE2JS } from "re2js";
import type { Json } from "./json.ts";
import { LIMITS } from "./limits.ts";
import { excerpt } from "./text.ts";

export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

export interface Violation {
  /** JSON Pointer into the value. */
  readonly pointer: string;
  readonly message: string;
}

/** What is wrong with the schema itself, as far as applying it shows (patterns, references), or `null`. */
export function schemaProblem(schema: JsonSchema): string | null {
  try {
    const { first } = prepared(schema);
    for (const probe of [null, {}, [], ""]) first(probe);
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
    const { first, all, comparesItems } = preparedOnce(schema);
    if (comparesItems && comparisonsIn(value).steps > LIMITS.schemaSteps)
      throw new Error("its lists are too long to be compared item by item");
    // Every fault of a large value could be more than anybody reads.
    const isLarge = JSON.stringify(value).length > LIMITS.eventValueBytes;
    const { valid, errors } = (isLarge ? first : all)(value);
    if (valid) return [];
    return innermost(errors).map(({ instanceLocation, error }) => ({ pointer: instanceLocation.replace(/^#/, ""), message: error }));
  } catch (error) {
    return [{ pointer: "", message: `the schema could not be applied: ${error instanceof Error ? error.message : String(error)}` }];
  }
}

type Validate = (value: unknown) => ReturnType<Validator["validate"]>;

interface Prepared {
  readonly first: Validate;
  readonly all: Validate;
  /** It wants the items of some list to be different. */
  readonly comparesItems: boolean;
}

/** By schema: making a validator follows every reference in it. */
const preparedBySchema = new WeakMap<object, Prepared>();

function preparedOnce(schema: object & JsonSchema): Prepared {
  const known = preparedBySchema.get(schema) ?? prepared(schema);
  preparedBySchema.set(schema, known);
  return known;
}

/** Throws where there is a pattern that cannot be used. */
function prepared(schema: JsonSchema): Prepared {
  const patterns = new Map([...patternsIn(schema as Json)].map((pattern) => [pattern, new LinearPattern(pattern)]));
  const [first, all] = [new Validator(schema, "2020-12", true), new Validator(schema, "2020-12", false)];
  return {
    first: (value) => matchingWith(patterns, () => first.validate(value)),
    all: (value) => matchingWith(patterns, () => all.validate(value)),
    comparesItems: hasUniqueItems(schema as Json),
  };
}

/** The one format whose expression takes exponential time on some texts. The standard has no such format. */
delete format["url"];

/** A pattern as the library uses it. */
class LinearPattern {
  readonly #expression: RE2JS;

  constructor(pattern: string) {
    RegExp(pattern, "u"); // is it one at all?
    try {
      this.#expression = RE2JS.compile(RE2JS.translateRegExp(pattern));
    } catch (error) {
      throw new Error(
        `the pattern ${JSON.stringify(excerpt(pattern, 100))} cannot be matched in linear time, as RE2 does, ` +
          `which knows no lookaround and no backreferences: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  test(text: string): boolean {
    stepsLeft -= (text.length + 1) * this.#expression.programSize();
    if (stepsLeft < 0) throw new Error("its patterns are too long for texts as long as these");
    return this.#expression.test(text);
  }
}

let stepsLeft = 0;

/**
 * The library makes a regular expression for each text it looks at, by the name `RegExp`. While it validates, which it does
 * in one go, that name stands for ours.
 */
function matchingWith<T>(patterns: ReadonlyMap<string, LinearPattern>, validate: () => T): T {
  const Native = globalThis.RegExp;
  const Ours = function (source: string, flags: string): object {
    return patterns.get(source) ?? new Native(source, flags);
  };
  stepsLeft = LIMITS.schemaSteps;
  globalThis.RegExp = Ours as unknown as RegExpConstructor;
  try {
    return validate();
  } finally {
    globalThis.RegExp = Native;
  }
}

function* patternsIn(schema: Json): Iterable<string> {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "pattern" && typeof value === "string") yield value;
    else if (key === "patternProperties" && typeof value === "object" && value !== null) yield* Object.keys(value);
    yield* patternsIn(value);
  }
}

function hasUniqueItems(schema: Json): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(([key, value]) => (key === "uniqueItems" && value === true) || hasUniqueItems(value));
}

/** What it takes at most to compare the items of each list in a value with each other; `size` is the value's own. */
function comparisonsIn(value: Json): { readonly size: number; readonly steps: number } {
  if (typeof value === "string") return { size: 1 + value.length / 64, steps: 0 };
  if (typeof value !== "object" || value === null) return { size: 1, steps: 0 };
  let [size, steps] = [1, 0];
  for (const item of Object.values(value)) {
    const inside = comparisonsIn(item);
    size += inside.size;
    steps += inside.steps;
  }
  return { size, steps: Array.isArray(value) ? steps + value.length * size : steps };
}

type Errors = ReturnType<Validator["validate"]>["errors"];

/** The library reports every enclosing schema too; the innermost places are what a caller can act on. */
function innermost(errors: Errors): Errors {
  const some = errors.slice(0, 10 * LIMITS.faults);
  const isInner = (place: string): boolean => !some.some((other) => other.instanceLocation.startsWith(`${place}/`));
  return some.filter(({ instanceLocation }) => isInner(instanceLocation)).slice(0, LIMITS.faults);
}
