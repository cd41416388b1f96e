/** What an expression reads of a value, and what it may see of it. */
import { EvaluationError, type ASTNode } from "@marcbachmann/cel-js";
import { Duration } from "@marcbachmann/cel-js/evaluator";
import type { Rules } from "../rules.ts";
import { isPlain, outerTypeName, typeOfValue, unsupported } from "./cel-values.ts";

/** A node as the library makes and checks it. */
export interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta?: { readonly alternate?: { readonly op: string; readonly args: unknown }; readonly label?: string };
  readonly leftStaticType?: { readonly name: string };
  readonly rightStaticType?: { readonly name: string };
  readonly checkedType?: { readonly name: string; readonly hasDynType: boolean };
}

/** An error at a place of the expression. */
export const failure = (node: Node, code: string, message: string): EvaluationError =>
  new EvaluationError({ code, message, node: node as ASTNode });

/** What no expression can see is no value. Tasks of the first rules do not see objects with a member `constructor` either. */
export function seen(value: unknown, rules: Rules): unknown {
  if (typeof value !== "object" || value === null || (rules > 0 && isPlain(value))) return value;
  if (typeOfValue(value) === "map" && rules === 0 && Object.hasOwn(value, "constructor")) {
    throw unsupported((value as { readonly constructor: { readonly name?: string } | null }).constructor?.name || "object");
  }
  return value;
}

/** `undefined` where there is none. */
export function memberOf(base: unknown, key: unknown, node: Node, rules: Rules): unknown {
  if (!isObject(base)) return undefined;
  if (Array.isArray(base)) {
    if (typeof key !== "number" && typeof key !== "bigint") return undefined;
    const value = (base as readonly unknown[])[Number(key)];
    if (value !== undefined) return seen(value, rules);
    const beyond = key < 0 ? "< 0" : `>= size ${base.length}`;
    throw failure(node, "index_out_of_bounds", `No such key: index out of bounds, index ${String(key)} ${beyond}`);
  }
  if (isPlain(base)) {
    const name = keyText(key);
    return Object.hasOwn(base, name) && !isObject(key) ? seen(base[name], rules) : undefined;
  }
  typeOfValue(base);
  if (base instanceof Duration && (key === "seconds" || key === "nanos")) return Number(base[key]);
  return undefined;
}

export const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** As it stands in a map: numbers and truth values are keys by how they are written. */
export function keyText(key: unknown): string {
  if (!isObject(key)) return String(key);
  const value: unknown = key.valueOf();
  return typeof value === "bigint" ? String(value) : outerTypeName(key);
}
