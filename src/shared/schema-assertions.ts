/** What a keyword of a schema says of a value by itself. */
import { format } from "@cfworker/json-schema";
import { canonicalJson, isJsonObject, type Json } from "./json.ts";
import type { Keywords, KnownSchemas } from "./known-schemas.ts";
import { LIMITS } from "./limits.ts";

/** The one format whose expression takes exponential time on some texts. The standard has no such format. */
delete format["url"];

/** What is wrong, or `null`. `spend` is told what it takes beyond a step. */
export function assertionFault(
  schema: Keywords,
  keyword: string,
  value: Json,
  known: KnownSchemas,
  spend: (steps: number) => void,
): string | null {
  const said = schema[keyword];
  switch (keyword) {
    case "type":
      return typeFault(said as string | readonly string[], value);
    case "const":
      return isSame(value, said as Json, spend) ? null : `Instance does not match ${known.allowed(schema, said)}.`;
    case "enum":
      return (said as readonly Json[]).some((one) => isSame(value, one, spend))
        ? null
        : `Instance does not match any of ${known.allowed(schema, said)}.`;
    default:
      break;
  }
  if (typeof value === "string") return textFault(keyword, said, value, known, spend);
  if (typeof value === "number") return numberFault(keyword, said as number, value);
  if (Array.isArray(value)) return listFault(keyword, said, value, spend);
  return isJsonObject(value) ? objectFault(keyword, said, value, spend) : null;
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function typeFault(types: string | readonly string[], value: Json): string | null {
  const type = typeOf(value);
  const isOf = (expected: string): boolean => expected === type || (expected === "integer" && Number.isInteger(value));
  if (typeof types === "string" ? isOf(types) : types.some(isOf)) return null;
  return `Instance type "${type}" is invalid. Expected "${typeof types === "string" ? types : types.join('", "')}".`;
}

/** Whether two values are the same, as JSON Schema has it: whatever the order of members. */
function isSame(a: Json, b: Json, spend: (steps: number) => void): boolean {
  spend(1);
  if (typeof a === "string" && typeof b === "string") {
    if (a.length !== b.length) return false;
    spend(a.length / LIMITS.schemaInstructions);
    return a === b;
  }
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  spend(names.length);
  if (names.length !== Object.keys(b).length) return false;
  const [one, other] = [a, b] as unknown as readonly { readonly [name: string]: Json }[];
  return names.every((name) => Object.hasOwn(b, name) && isSame(one?.[name] as Json, other?.[name] as Json, spend));
}

function textFault(keyword: string, said: unknown, text: string, known: KnownSchemas, spend: (steps: number) => void): string | null {
  switch (keyword) {
    case "minLength":
    case "maxLength": {
      spend(text.length / LIMITS.schemaInstructions);
      const length = codePointsIn(text);
      if (keyword === "minLength") return length < (said as number) ? `String is too short (${length} < ${String(said)}).` : null;
      return length > (said as number) ? `String is too long (${length} > ${String(said)}).` : null;
    }
    case "pattern": {
      const pattern = known.pattern(said as string);
      spend(pattern.instructionsFor(text) / LIMITS.schemaInstructions);
      return pattern.test(text) ? null : "String does not match pattern.";
    }
    case "format": {
      // A format is a hint; the library's expressions are for what people write, not for megabytes.
      const matches =
        text.length <= LIMITS.schemaFormatLength && Object.hasOwn(format, said as string) ? format[said as string] : undefined;
      spend(text.length);
      return matches === undefined || matches(text) ? null : `String does not match format "${String(said)}".`;
    }
    default:
      return null;
  }
}

function codePointsIn(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count--;
      at++;
    }
  }
  return count;
}

function numberFault(keyword: string, said: number, value: number): string | null {
  switch (keyword) {
    case "minimum":
      return value < said ? `${value} is less than ${said}.` : null;
    case "maximum":
      return value > said ? `${value} is greater than ${said}.` : null;
    case "exclusiveMinimum":
      return value <= said ? `${value} is less than or equal to ${said}.` : null;
    case "exclusiveMaximum":
      return value >= said ? `${value} is greater than or equal to ${said}.` : null;
    case "multipleOf":
      return isMultiple(value, said) ? null : `${value} is not a multiple of ${said}.`;
    default:
      return null;
  }
}

/** In decimal digits, as both were written: 0.3 is a multiple of 0.1. */
function isMultiple(value: number, divisor: number): boolean {
  if (!Number.isFinite(divisor) || divisor <= 0) return false;
  const [a, b] = [decimalOf(value), decimalOf(divisor)];
  const scale = Math.min(a.exponent, b.exponent);
  return (a.digits * 10n ** BigInt(a.exponent - scale)) % (b.digits * 10n ** BigInt(b.exponent - scale)) === 0n;
}

function decimalOf(value: number): { readonly digits: bigint; readonly exponent: number } {
  const [mantissa = "0", exponent = "0"] = String(Math.abs(value)).split("e");
  const [whole = "0", fraction = ""] = mantissa.split(".");
  return { digits: BigInt(whole + fraction), exponent: Number(exponent) - fraction.length };
}

function listFault(keyword: string, said: unknown, list: readonly Json[], spend: (steps: number) => void): string | null {
  switch (keyword) {
    case "minItems":
      return list.length < (said as number) ? `Array has too few items (${list.length} < ${String(said)}).` : null;
    case "maxItems":
      return list.length > (said as number) ? `Array has too many items (${list.length} > ${String(said)}).` : null;
    case "uniqueItems":
      return said === true ? duplicate(list, spend) : null;
    default:
      return null;
  }
}

function duplicate(list: readonly Json[], spend: (steps: number) => void): string | null {
  const firstByText = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const text = canonicalJson(item);
    spend(1 + text.length / LIMITS.schemaInstructions);
    const first = firstByText.get(text);
    if (first !== undefined) return `Duplicate items at indexes ${first} and ${index}.`;
    firstByText.set(text, index);
  }
  return null;
}

function objectFault(keyword: string, said: unknown, value: object, spend: (steps: number) => void): string | null {
  switch (keyword) {
    case "required": {
      const names = said as readonly string[];
      spend(names.length);
      const missing = names.find((name) => !Object.hasOwn(value, name));
      return missing === undefined ? null : `Instance does not have required property "${missing}".`;
    }
    case "minProperties":
    case "maxProperties": {
      const count = Object.keys(value).length;
      spend(count);
      if (keyword === "minProperties")
        return count < (said as number) ? `Instance does not have at least ${String(said)} properties.` : null;
      return count > (said as number) ? `Instance has more than ${String(said)} properties.` : null;
    }
    case "dependentRequired": {
      for (const [name, needed] of Object.entries(said as { readonly [name: string]: readonly string[] })) {
        spend(1 + needed.length);
        const missing = Object.hasOwn(value, name) ? needed.find((other) => !Object.hasOwn(value, other)) : undefined;
        if (missing !== undefined) return `Instance has "${name}" but does not have "${missing}".`;
      }
      return null;
    }
    default:
      return null;
  }
}
