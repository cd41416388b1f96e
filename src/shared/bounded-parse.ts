/**
 * Whether a value has more items or members than its schema can have a use for, known before the schema looks at each of
 * them: a fault of each of eight million items would fill the memory.
 */
import type { z } from "zod";
import { LIMITS } from "./limits.ts";
import { bare, optionsFor, type Schema } from "./schema-parts.ts";

/** The schema itself, which from now on finds lists that are too long first, and then looks no further. */
export function boundLists<T extends z.core.$ZodType>(schema: T): T {
  if (bound.has(schema)) return schema;
  bound.add(schema);
  const run = schema._zod.run.bind(schema._zod);
  schema._zod.run = (payload, context) => {
    const issue = new ListWalk().issueIn(schema as unknown as Schema, payload.value, []);
    if (issue === null) return run(payload, context);
    payload.issues.push(issue);
    return payload;
  };
  return schema;
}

const bound = new WeakSet<object>();

class ListWalk {
  #items = 0;

  issueIn(schema: Schema, value: unknown, path: readonly PropertyKey[]): z.core.$ZodRawIssue | null {
    const inner = bare(schema);
    const { def } = inner._zod;
    switch (def.type) {
      case "array":
        return Array.isArray(value) ? this.#issueInList(inner as z.core.$ZodArray, value, path) : null;
      case "object":
        return this.#issueInObject(def, value, path);
      case "record":
        return this.#issueInMembers(value, path, () => def.valueType as Schema);
      case "union":
        return this.#issueInOptions(def, value, path);
      default:
        return null;
    }
  }

  #issueInList(schema: z.core.$ZodArray, list: readonly unknown[], path: readonly PropertyKey[]): z.core.$ZodRawIssue | null {
    const item = schema._zod.def.element as Schema;
    const isFree = item._zod.def.type === "unknown" || item._zod.def.type === "any";
    this.#items += isFree ? 0 : list.length;
    const most = Math.min(mostItems(schema), this.#items > LIMITS.jsonParts ? LIMITS.jsonParts : Number.POSITIVE_INFINITY);
    if (list.length > most) return { code: "too_big", origin: "array", maximum: most, inclusive: true, input: list, path: [...path] };
    if (this.#items > LIMITS.jsonParts) {
      return { code: "custom", message: `there are more than ${LIMITS.jsonParts} items in lists so far`, input: list, path: [...path] };
    }
    if (isFree) return null;
    for (const [index, entry] of list.entries()) {
      if (typeof entry !== "object" || entry === null) continue;
      const issue = this.issueIn(item, entry, [...path, index]);
      if (issue !== null) return issue;
    }
    return null;
  }

  #issueInObject(def: z.core.$ZodObjectDef, value: unknown, path: readonly PropertyKey[]): z.core.$ZodRawIssue | null {
    const { shape } = def;
    if (def.catchall?._zod.def.type === "never" && typeof value === "object" && value !== null) {
      const unknown: string[] = [];
      for (const name in value) {
        if (Object.hasOwn(shape, name)) continue;
        unknown.push(name);
        if (unknown.length > LIMITS.faults)
          return { code: "unrecognized_keys", keys: unknown, input: value as Record<string, unknown>, path: [...path] };
      }
    }
    return this.#issueInMembers(value, path, (name) => (Object.hasOwn(shape, name) ? (shape[name] as Schema) : undefined));
  }

  #issueInMembers(value: unknown, path: readonly PropertyKey[], schemaOf: (name: string) => Schema | undefined) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    for (const name in value) {
      const member = (value as { readonly [name: string]: unknown })[name];
      if (typeof member !== "object" || member === null) continue;
      const schema = schemaOf(name);
      const issue = schema === undefined ? null : this.issueIn(schema, member, [...path, name]);
      if (issue !== null) return issue;
    }
    return null;
  }

  /** Where it is a list, the option that takes the longest. */
  #issueInOptions(union: z.core.$ZodUnionDef, value: unknown, path: readonly PropertyKey[]) {
    if (typeof value !== "object" || value === null) return null;
    const before = this.#items;
    let [last, items]: [z.core.$ZodRawIssue | null, number] = [null, before];
    for (const option of optionsFor(union, value)) {
      if (Array.isArray(value) && !takesLists(option)) continue;
      this.#items = before;
      last = this.issueIn(option, value, path);
      items = Math.max(items, this.#items);
      if (last === null && !("discriminator" in union)) break;
    }
    this.#items = items;
    return last;
  }
}

function mostItems(schema: z.core.$ZodArray): number {
  let most = Number.POSITIVE_INFINITY;
  for (const check of schema._zod.def.checks ?? []) {
    const { def } = check._zod;
    if (def.check === "max_length") most = Math.min(most, (def as z.core.$ZodCheckMaxLengthDef).maximum);
  }
  return most;
}

function takesLists(option: Schema): boolean {
  const { def } = option._zod;
  // What is named later is not looked up here: it may be a list.
  if (def.type === "lazy" || def.type === "array") return true;
  const inner = bare(option);
  return inner._zod.def.type === "union" ? (inner._zod.def.options as readonly Schema[]).some(takesLists) : inner._zod.def.type === "array";
}
