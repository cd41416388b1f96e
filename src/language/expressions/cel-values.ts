/** The values of CEL as JavaScript has them, their types in words, and what is equal to what. */
import { evaluate, EvaluationError } from "@marcbachmann/cel-js";
import { Duration } from "@marcbachmann/cel-js/evaluator";
import type { Budget } from "./budget.ts";

/** What may be missing. */
export class Optional {
  readonly #value: unknown;
  constructor(value: unknown) {
    this.#value = value;
  }
  hasValue(): boolean {
    return this.#value !== undefined;
  }
  value(): unknown {
    if (this.#value === undefined) throw new EvaluationError({ code: "optional_value_missing", message: "Optional value is not present" });
    return this.#value;
  }
}
export const NONE = new Optional(undefined);

export type ValueType = "string" | "double" | "bool" | "null" | "list" | "map" | "bytes" | "timestamp" | "duration" | "type" | "optional";

/** Throws for what no expression can see. */
export function typeOfValue(value: unknown): ValueType {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return "double";
    case "boolean":
      return "bool";
    case "object":
      return value === null ? "null" : typeOfObject(value);
    default:
      throw unsupported(typeof value);
  }
}

function typeOfObject(value: object): ValueType {
  if (isPlain(value)) return "map";
  if (Array.isArray(value)) return "list";
  if (value instanceof Optional) return "optional";
  if (value instanceof Date) return "timestamp";
  if (value instanceof Duration) return "duration";
  if (value instanceof Uint8Array) return "bytes";
  if (Object.values(types()).includes(value)) return "type";
  throw unsupported((value as { constructor?: { name?: string } }).constructor?.name ?? "object");
}

/** Types are values, too: those that the library makes of their names. */
export function types(): { readonly [type in ValueType]?: unknown } {
  return (made ??= Object.fromEntries(TYPES.map(([type, name]) => [type, evaluate(name) as unknown])));
}
let made: { readonly [type in ValueType]?: unknown } | undefined;

const TYPES: readonly (readonly [string, string])[] = [
  ...["bool", "bytes", "double", "list", "map", "string", "type", "int", "uint"].map((name) => [name, name] as const),
  ["null", "null_type"],
  ["timestamp", "google.protobuf.Timestamp"],
  ["duration", "google.protobuf.Duration"],
];

export function isPlain(value: object): value is { readonly [key: string]: unknown } {
  // Nearly all say so themselves, which is faster than to ask; one with a member of that name is asked.
  if (value.constructor === Object) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

export const unsupported = (type: string): EvaluationError =>
  new EvaluationError({ code: "unsupported_type", message: `Unsupported type: ${type}` });

const NAMES: { readonly [type in ValueType]: string } = {
  string: "string",
  double: "double",
  bool: "bool",
  null: "null",
  list: "list<dyn>",
  map: "map<dyn, dyn>",
  bytes: "bytes",
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
  type: "type",
  optional: "optional<dyn>",
};

/** As messages say it; `list` instead of what it is a list of. */
export function outerTypeName(value: unknown): string {
  return (NAMES[typeOfValue(value)].split("<") as [string])[0];
}

/** As messages say it: what is inside is told of the first item, so many levels deep. */
export function typeName(value: unknown, budget: Budget, levels = 8): string {
  const type = typeOfValue(value);
  if (levels === 0) return "dyn";
  if (type === "list") {
    const [first] = value as readonly unknown[];
    return first === undefined ? NAMES.list : `list<${typeName(first, budget, levels - 1)}>`;
  }
  if (type === "map") {
    const [first] = keysOf(value as Map, budget);
    if (first !== undefined) return `map<string, ${typeName((value as Map)[first], budget, levels - 1)}>`;
  }
  return NAMES[type];
}

/** As `==` says it: every part that is compared is paid for. */
export function isEqual(one: unknown, other: unknown, budget: Budget): boolean {
  if (one === other) return true;
  if (typeof one === "string" && typeof other === "string") {
    if (one.length === other.length) budget.scan(one.length);
    return false;
  }
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  const type = typeOfValue(one);
  if (type !== typeOfValue(other)) return false;
  budget.spend(1);
  switch (type) {
    case "list": {
      const [a, b] = [one as readonly unknown[], other as readonly unknown[]];
      if (a.length !== b.length) return false;
      budget.walk(a.length);
      return a.every((item, index) => isEqual(item, b[index], budget));
    }
    case "map":
      return isEqualMap(one as Map, other as Map, budget);
    case "bytes": {
      const [a, b] = [one as Uint8Array, other as Uint8Array];
      if (a.length !== b.length) return false;
      budget.scan(a.length);
      return a.every((byte, index) => byte === b[index]);
    }
    case "timestamp":
      return (one as Date).getTime() === (other as Date).getTime();
    case "duration":
      return (one as Duration).seconds === (other as Duration).seconds && (one as Duration).nanos === (other as Duration).nanos;
    case "string":
    case "double":
    case "bool":
    case "null":
    case "type":
    case "optional":
      return false;
  }
}

type Map = { readonly [key: string]: unknown };

function isEqualMap(a: Map, b: Map, budget: Budget): boolean {
  const keys = keysOf(a, budget);
  if (keys.length !== keysOf(b, budget).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key], budget));
}

/** The keys of a map, which make a list. */
export function keysOf(map: object, budget: Budget): readonly string[] {
  const keys = Object.keys(map);
  budget.keys(keys.length);
  return keys;
}
