/** The schemas inside a schema, by what refers to them, and what is made of each once. */
import { dereference } from "@cfworker/json-schema";
import { LinearPattern } from "./linear-pattern.ts";
import { excerpt } from "./text.ts";

/** A schema that is an object, with the keywords that it has. */
export type Keywords = { readonly [keyword: string]: unknown };
export type Subschema = boolean | Keywords;

export class KnownSchemas {
  readonly #byUri: { readonly [uri: string]: Subschema };
  readonly #patterns = new Map<string, LinearPattern>();
  readonly #allowed = new WeakMap<object, string>();
  /** Some of them ask what others have looked at. */
  readonly asksForRest: boolean;

  /** Throws where a reference has no form that could be followed. */
  constructor(schema: Keywords) {
    this.#byUri = dereference(schema);
    this.asksForRest = hasKeyword(schema, ["unevaluatedProperties", "unevaluatedItems"]);
    for (const pattern of patternsIn(schema)) this.pattern(pattern);
  }

  referred(from: Keywords, keyword: "$ref" | "$recursiveRef"): Subschema {
    const uri = (keyword === "$ref" ? from["__absolute_ref__"] : from["__absolute_recursive_ref__"]) ?? from[keyword];
    const schema = this.#byUri[String(uri)];
    if (schema === undefined) throw new Error(`Unresolved ${keyword} "${excerpt(String(from[keyword]), 200)}".`);
    return schema;
  }

  pattern(source: string): LinearPattern {
    const known = this.#patterns.get(source) ?? new LinearPattern(source);
    this.#patterns.set(source, known);
    return known;
  }

  /** What an `enum` or a `const` allows, as it is said. */
  allowed(holder: Keywords, value: unknown): string {
    const known = this.#allowed.get(holder) ?? excerpt(JSON.stringify(value), 500);
    this.#allowed.set(holder, known);
    return known;
  }
}

function hasKeyword(schema: unknown, keywords: readonly string[]): boolean {
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(([key, inner]) => keywords.includes(key) || hasKeyword(inner, keywords));
}

function* patternsIn(schema: unknown): Iterable<string> {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema) as [string, unknown][]) {
    if (key === "pattern" && typeof value === "string") yield value;
    else if (key === "patternProperties" && typeof value === "object" && value !== null) yield* Object.keys(value);
    yield* patternsIn(value);
  }
}
