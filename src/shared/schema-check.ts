/** One value against a schema, in counted steps: what its keywords make of each other. What they say by themselves is in `schema-assertions.ts`. */
import { isJsonObject, pointer, type Json, type JsonObject } from "./json.ts";
import type { Keywords, KnownSchemas, Subschema } from "./known-schemas.ts";
import { LIMITS } from "./limits.ts";
import { assertionFault } from "./schema-assertions.ts";

export interface PlacedFault {
  readonly pointer: string;
  readonly message: string;
}

/** What the keywords of a schema have looked at: those for the rest look at the others. */
interface Seen {
  readonly names: Set<string>;
  readonly items: Set<number>;
}

/** What came of a schema's values: of every list and object, and of the last of all others, which is asked about again at once or never. */
interface Results {
  readonly parts: Map<object, boolean>;
  last: { readonly value: Json; readonly isValid: boolean } | null;
}

/** A step is a look at a part of a value by one schema: about 50 ns. */
export class SchemaCheck {
  /** Faults, those of what is around the innermost ones too; a bounded number. */
  readonly faults: PlacedFault[] = [];
  readonly #known: KnownSchemas;
  /** Ends at the first fault. */
  readonly #isBrief: boolean;
  #steps: number;
  #depth = 0;
  /** Nobody wants to know of faults. */
  #muted = 0;
  readonly #path: (string | number)[] = [];
  /** Of schemas that are referred to. */
  readonly #results = new Map<Keywords, Results>();

  constructor(known: KnownSchemas, { isBrief, steps }: { readonly isBrief: boolean; readonly steps: number }) {
    this.#known = known;
    this.#isBrief = isBrief;
    this.#steps = steps;
  }

  /** Throws where that takes too many steps, or a schema is none. */
  check(schema: Subschema, value: Json, seen: Seen | null = null): boolean {
    if (schema === true) return true;
    if (schema === false) return this.#fault("False boolean schema.");
    if (++this.#depth > LIMITS.schemaDepth) throw new Error("it refers to itself without end, or too deep");
    const own = this.#known.asksForRest ? this.#nothingSeen(value) : null;
    const isValid = this.#inPlace(schema, value, own) && this.#inside(schema, value, own);
    this.#depth--;
    if (isValid && seen !== null && own !== null) this.#merge(seen, own);
    return isValid;
  }

  /** Of what has no parts nobody asks for the rest. */
  #nothingSeen(value: Json): Seen | null {
    if (typeof value !== "object" || value === null) return null;
    // A set takes as long as a few steps to make.
    this.#spend(3);
    return Array.isArray(value) ? { names: NO_NAMES, items: new Set<number>() } : { names: new Set<string>(), items: NO_ITEMS };
  }

  #spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new Error("it takes too many steps for a value such as this");
  }

  #fault(message: string): false {
    this.#spend(10);
    if (this.#muted === 0 && this.faults.length < 10 * LIMITS.faults) this.faults.push({ pointer: pointer(...this.#path), message });
    return false;
  }

  #merge(into: Seen, from: Seen): void {
    this.#spend(from.names.size + from.items.size);
    for (const name of from.names) into.names.add(name);
    for (const item of from.items) into.items.add(item);
  }

  /** Several at once, as far as their faults are wanted. */
  #all(checks: Iterable<() => boolean>): boolean {
    let isValid = true;
    for (const check of checks) {
      isValid = check() && isValid;
      if (!isValid && this.#isBrief) return false;
    }
    return isValid;
  }

  #quietly(schema: Subschema, value: Json, seen: Seen | null = null): boolean {
    this.#muted++;
    const isValid = this.check(schema, value, seen);
    this.#muted--;
    return isValid;
  }

  /** What other schemas say of the same value. */
  #inPlace(schema: Keywords, value: Json, own: Seen | null): boolean {
    const entries = Object.keys(schema);
    this.#spend(1 + entries.length);
    let isValid = true;
    for (const keyword of entries) {
      if (isValid || !this.#isBrief) isValid = this.#keyword(schema, keyword, value, own) && isValid;
    }
    return isValid;
  }

  #keyword(schema: Keywords, keyword: string, value: Json, own: Seen | null): boolean {
    const said = schema[keyword];
    switch (keyword) {
      case "$ref":
      case "$recursiveRef":
        return this.#referred(this.#known.referred(schema, keyword), value, own);
      case "not":
        return !this.#quietly(said as Subschema, value) || this.#fault('Instance matched "not" schema.');
      case "allOf": {
        const parts = said as readonly Subschema[];
        return this.#all(parts.map((part) => () => this.check(part, value, own)));
      }
      case "anyOf":
      case "oneOf":
        return this.#choice(said as readonly Subschema[], keyword, value, own);
      case "if": {
        const branch = this.#quietly(said as Subschema, value, own) ? schema["then"] : schema["else"];
        return branch === undefined || this.check(branch as Subschema, value, own);
      }
      case "dependentSchemas":
      case "dependencies":
        return this.#dependent(said as { readonly [name: string]: Subschema | readonly string[] }, value, own);
      default: {
        const fault = assertionFault(schema, keyword, value, this.#known, (steps) => this.#spend(steps));
        return fault === null || this.#fault(fault);
      }
    }
  }

  /** Once for a value, unless somebody asks what it has looked at. */
  #referred(target: Subschema, value: Json, own: Seen | null): boolean {
    if (typeof target === "boolean" || own !== null) return this.check(target, value, own);
    const results = this.#results.get(target) ?? { parts: new Map<object, boolean>(), last: null };
    this.#results.set(target, results);
    const isPart = typeof value === "object" && value !== null;
    const known = isPart ? results.parts.get(value) : results.last?.value === value ? results.last.isValid : undefined;
    if (known !== undefined) return known || this.#fault("Instance does not match a schema that is referred to.");
    const isValid = this.check(target, value);
    if (isPart) results.parts.set(value, isValid);
    else results.last = { value, isValid };
    return isValid;
  }

  #choice(options: readonly Subschema[], keyword: "anyOf" | "oneOf", value: Json, own: Seen | null): boolean {
    const before = this.faults.length;
    let matches = 0;
    for (const option of options) {
      this.#spend(1);
      if (this.check(option, value, own)) matches++;
      if (matches > 0 && keyword === "anyOf" && own === null) break;
      if (matches > 1) break;
    }
    const isValid = keyword === "anyOf" ? matches > 0 : matches === 1;
    if (isValid || matches > 1) this.faults.length = before;
    if (isValid) return true;
    const told =
      matches > 1
        ? `Instance does not match exactly one subschema (at least ${matches} match).`
        : "Instance does not match any subschemas.";
    return this.#fault(told);
  }

  #dependent(members: { readonly [name: string]: Subschema | readonly string[] }, value: Json, own: Seen | null): boolean {
    if (!isJsonObject(value)) return true;
    const present = Object.entries(members).filter(([name]) => Object.hasOwn(value, name));
    this.#spend(present.length);
    return this.#all(
      present.map(([name, said]) => () => {
        if (!Array.isArray(said)) return this.check(said as Subschema, value, own);
        const missing = (said as readonly string[]).find((needed) => !Object.hasOwn(value, needed));
        return missing === undefined || this.#fault(`Instance has "${name}" but does not have "${missing}".`);
      }),
    );
  }

  /** What schemas say of the parts of a value. */
  #inside(schema: Keywords, value: Json, own: Seen | null): boolean {
    if (Array.isArray(value)) return this.#items(schema, value, own);
    return !isJsonObject(value) || this.#members(schema, value, own);
  }

  #part(schema: Subschema, value: Json, at: string | number): boolean {
    this.#path.push(at);
    const isValid = this.check(schema, value);
    this.#path.pop();
    return isValid;
  }

  #members(schema: Keywords, value: JsonObject, own: Seen | null): boolean {
    const { properties, patternProperties, additionalProperties, unevaluatedProperties, propertyNames } = schema as {
      readonly [keyword: string]: Subschema | undefined;
    };
    const looked = new Set<string>();
    let isValid = true;
    const look = (name: string, by: Subschema): boolean => {
      looked.add(name);
      isValid = this.#part(by, value[name] as Json, name) && isValid;
      return isValid || !this.#isBrief;
    };
    for (const [name, by] of Object.entries((properties ?? {}) as { readonly [name: string]: Subschema })) {
      this.#spend(1);
      if (Object.hasOwn(value, name) && !look(name, by)) return false;
    }
    const goesThrough = patternProperties ?? additionalProperties ?? unevaluatedProperties ?? propertyNames;
    if (goesThrough !== undefined) {
      const patterns = Object.entries((patternProperties ?? {}) as { readonly [pattern: string]: Subschema });
      for (const name in value) {
        this.#spend(1 + patterns.length);
        for (const [source, by] of patterns) {
          const pattern = this.#known.pattern(source);
          this.#spend(pattern.instructionsFor(name) / LIMITS.schemaInstructions);
          if (pattern.test(name) && !look(name, by)) return false;
        }
        if (propertyNames !== undefined) isValid = this.#part(propertyNames, name, name) && isValid;
        if (!looked.has(name)) {
          if (additionalProperties !== undefined) look(name, additionalProperties);
          else if (unevaluatedProperties !== undefined && !own?.names.has(name)) look(name, unevaluatedProperties);
        }
        if (!isValid && this.#isBrief) return false;
      }
    }
    if (own !== null) this.#merge(own, { names: looked, items: NO_ITEMS });
    return isValid;
  }

  #items(schema: Keywords, list: readonly Json[], own: Seen | null): boolean {
    const { prefixItems, items, additionalItems, unevaluatedItems, contains } = schema;
    const isTuple = Array.isArray(items);
    const first = (prefixItems ?? (isTuple ? items : [])) as readonly Subschema[];
    const rest = (isTuple ? additionalItems : items) as Subschema | undefined;
    let isValid = contains === undefined || this.#contains(schema, list, own);
    for (const [index, item] of list.entries()) {
      const by = first[index] ?? rest ?? (own?.items.has(index) ? undefined : (unevaluatedItems as Subschema | undefined));
      if (by === undefined && index >= first.length && unevaluatedItems === undefined) break;
      if (by === undefined) continue;
      this.#spend(1);
      isValid = this.#part(by, item, index) && isValid;
      own?.items.add(index);
      if (!isValid && this.#isBrief) return false;
    }
    return isValid;
  }

  #contains(schema: Keywords, list: readonly Json[], own: Seen | null): boolean {
    const {
      contains,
      minContains = 1,
      maxContains = Number.POSITIVE_INFINITY,
    } = schema as {
      readonly contains: Subschema;
      readonly minContains?: number;
      readonly maxContains?: number;
    };
    let contained = 0;
    for (const [index, item] of list.entries()) {
      this.#spend(1);
      if (!this.#quietly(contains, item)) continue;
      contained++;
      own?.items.add(index);
    }
    if (contained < minContains)
      return this.#fault(`Array must contain at least ${minContains} items matching schema. Only ${contained} items were found.`);
    return (
      contained <= maxContains ||
      this.#fault(`Array may contain at most ${maxContains} items matching schema. ${contained} items were found.`)
    );
  }
}

const NO_NAMES: Set<string> = new Set();
const NO_ITEMS: Set<number> = new Set();
