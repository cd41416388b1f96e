/** What a workflow wants of who submits it: its parameters, and an input that it would accept. Read from its input schema. */
import { isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import { violationsOf } from "../shared/json-schema.ts";
import { LIMITS } from "./limits.ts";

export type InputSchema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  /** As the schema has it; absent where it says nothing. */
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly required: boolean;
  readonly default?: Json;
  readonly choices?: readonly Json[];
  readonly example?: Json;
}

/** Fields of the input, in the order of the schema, no more than anybody fills in. */
export function parametersOf(schema: InputSchema): readonly Parameter[] {
  const { properties } = schema;
  if (!isJsonObject(properties)) return [];
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  const references = new Example(schema);
  return Object.entries(properties)
    .slice(0, LIMITS.templateParameters)
    .map(([name, said]) => {
      const field = references.resolved(said);
      const { type, description, enum: choices } = field;
      const example = givenIn(field);
      return {
        name,
        ...((typeof type === "string" || isTextList(type)) && { type }),
        ...(typeof description === "string" && { description }),
        required: required.has(name),
        ...(field["default"] !== undefined && { default: field["default"] }),
        ...(Array.isArray(choices) && { choices: choices.slice(0, LIMITS.templateParameters) }),
        ...(example !== undefined && { example }),
      };
    });
}

/** An input that the schema accepts, with what is required and what has a default; `undefined` where none was found. */
export function exampleOf(schema: InputSchema): Json | undefined {
  const example = new Example(schema).of(schema, 0);
  return example === undefined || violationsOf(schema, example).length > 0 ? undefined : example;
}

/** What a schema gives as an example itself. */
function givenIn({ examples, example, const: only }: JsonObject): Json | undefined {
  return [Array.isArray(examples) ? (examples[0] as Json | undefined) : undefined, example, only].find(isSaid);
}

const isTextList = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === "string");

/** Makes values by what a schema says first: what it gives as an example, else the least that fits. */
class Example {
  readonly #root: InputSchema;
  #left = LIMITS.exampleParts;

  constructor(root: InputSchema) {
    this.#root = root;
  }

  /** What a reference within the schema refers to. */
  resolved(schema: unknown): JsonObject {
    let at: unknown = schema;
    for (let hop = 0; hop < MAX_DEPTH && isJsonObject(at) && typeof at["$ref"] === "string"; hop++) at = this.#find(at["$ref"]);
    return isJsonObject(at) ? at : {};
  }

  of(said: unknown, depth: number): Json | undefined {
    if (depth > MAX_DEPTH || --this.#left < 0) return undefined;
    const schema = this.resolved(said);
    const { enum: choices, anyOf, oneOf, allOf } = schema;
    const first = [givenIn(schema), schema["default"], Array.isArray(choices) ? (choices[0] as Json) : undefined].find(isSaid);
    if (first !== undefined) return first;
    const parts = Array.isArray(allOf) ? allOf : [];
    const either = Array.isArray(anyOf) ? anyOf[0] : Array.isArray(oneOf) ? oneOf[0] : undefined;
    const made = [...parts, either].filter(isSaid).map((part) => this.of(part, depth + 1));
    const own = this.#byType(schema, depth);
    const objects = [own, ...made].filter(isJsonObject);
    if (objects.length > 1) return Object.assign({}, ...objects) as Json;
    if (own !== undefined || made.length > 0) return [own, ...made].find(isSaid);
    // Whatever it is, it may be an object.
    return schema["type"] === undefined ? {} : undefined;
  }

  #byType(schema: JsonObject, depth: number): Json | undefined {
    const { type, properties, required, items } = schema;
    const isObject = isJsonObject(properties) || Array.isArray(required);
    switch (isTextList(type) ? type[0] : (type ?? (isObject ? "object" : undefined))) {
      case "object":
        return this.#object(schema, depth);
      case "array":
        return this.#list(items, count(schema["minItems"]) ?? 1, depth);
      case "string":
        return textOf(schema);
      case "integer":
      case "number":
        return numberOf(schema);
      case "boolean":
        return true;
      case "null":
        return null;
      default:
        return undefined;
    }
  }

  #list(items: Json | undefined, length: number, depth: number): Json | undefined {
    const list: Json[] = [];
    while (list.length < length) {
      const item = this.of(items, depth + 1);
      if (item === undefined) return undefined;
      list.push(item);
    }
    return list;
  }

  #object({ properties, required }: JsonObject, depth: number): Json | undefined {
    const fields = isJsonObject(properties) ? properties : {};
    const usual = Object.keys(fields).filter((name) => isSaid(this.resolved(fields[name])["default"]));
    const values = new Map<string, Json>();
    for (const name of new Set([...(isTextList(required) ? required : []), ...usual])) {
      const value = this.of(Object.hasOwn(fields, name) ? fields[name] : {}, depth + 1);
      if (value === undefined) return undefined;
      values.set(name, value);
    }
    return Object.fromEntries(values);
  }

  /** `#/$defs/name` and the like. */
  #find(reference: string): unknown {
    if (!reference.startsWith("#")) return {};
    let at: unknown = this.#root;
    for (const segment of reference.slice(1).split("/").slice(1)) {
      const name = segment.replaceAll("~1", "/").replaceAll("~0", "~");
      at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
    }
    return at;
  }
}

const isSaid = <T>(value: T | undefined): value is T => value !== undefined;

/** As deep as examples are read. */
const MAX_DEPTH = 8;

const count = (value: unknown): number | undefined => (typeof value === "number" && value >= 0 ? Math.ceil(value) : undefined);

const FORMATS: Readonly<Record<string, string>> = {
  date: "2026-01-31",
  time: "12:00:00Z",
  "date-time": "2026-01-31T12:00:00Z",
  duration: "PT1H",
  email: "ann@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  "uri-reference": "/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function textOf({ format, minLength, maxLength }: JsonObject): string {
  const text = (typeof format === "string" && Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined) ?? "text";
  return text.padEnd(Math.min(count(minLength) ?? 0, LIMITS.textLength), ".").slice(0, count(maxLength) ?? undefined);
}

/** The number nearest to 1 that is within the bounds, as far as these and a step say. */
function numberOf({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }: JsonObject): number {
  const step = typeof multipleOf === "number" && multipleOf > 0 ? multipleOf : type === "integer" ? 1 : 0.5;
  const bound = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
  const least = bound(minimum) ?? (bound(exclusiveMinimum) === undefined ? undefined : (bound(exclusiveMinimum) as number) + step);
  const most = bound(maximum) ?? (bound(exclusiveMaximum) === undefined ? undefined : (bound(exclusiveMaximum) as number) - step);
  const value = Math.min(Math.max(1, least ?? 1), most ?? Number.POSITIVE_INFINITY);
  if (multipleOf === undefined && type !== "integer") return value;
  return least !== undefined && value === least
    ? Math.ceil(value / step) * step
    : Math.floor(value / step) * step || (most !== undefined && most < step ? 0 : step);
}
