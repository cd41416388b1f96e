/**
 * Which steps the expressions of a step read, found without compiling them: for drawing, where an expression that a
 * later version of the language understands should not matter.
 */
import { isJsonObject, type Json, type JsonObject } from "../shared/json.ts";
import { blocksIn } from "../language/blocks.ts";
import { LIMITS } from "./limits.ts";

/** Fields that are bare CEL, unless they have `${` in them. */
const CONDITIONS = ["when", "until", "over", "match"];

/** What a step says that is no expression of its own: its inner steps, and what is asked only after it has settled. */
const NOT_READ = ["id", "description", "type", "needs", "steps", "cases", "default", "compensate", "on_error", "fallback"];

/** Ids of the steps that these fields of a step (or of a case) read, in order. */
export function stepsRead(holder: JsonObject, fields: readonly string[]): readonly string[] {
  const ids = fields.flatMap((field) => {
    const value = holder[field];
    if (value === undefined) return [];
    const isCondition = CONDITIONS.includes(field) && typeof value === "string" && !value.includes("${");
    return (isCondition ? [value] : expressionsIn(value)).flatMap(idsIn);
  });
  return [...new Set(ids)];
}

/** The fields of a step that are evaluated among its siblings. Of a block these are not its result and its end. */
export function outerFields(step: JsonObject): readonly string[] {
  const isBlock = blocksIn({ step, at: "" }).some(({ holder }) => holder === step);
  return Object.keys(step).filter((field) => !NOT_READ.includes(field) && !(isBlock && INNER_FIELDS.includes(field)));
}

/** The fields of a block that are evaluated among its inner steps. */
export const INNER_FIELDS: readonly string[] = ["output", "until"];

/** Every `${ … }` in the strings of a value. */
function expressionsIn(value: Json): readonly string[] {
  if (typeof value === "string") return value.includes("${") ? expressionsInText(value) : [];
  if (Array.isArray(value)) return (value as readonly Json[]).flatMap(expressionsIn);
  return isJsonObject(value) ? Object.values(value).flatMap(expressionsIn) : [];
}

function expressionsInText(text: string): readonly string[] {
  const expressions: string[] = [];
  for (let at = text.indexOf("${"); at !== -1; at = text.indexOf("${", at)) {
    if (text[at - 1] === "$") {
      at += 2; // `$${` is text
      continue;
    }
    const end = closingBrace(text, at + 2);
    expressions.push(text.slice(at + 2, end));
    at = end;
  }
  return expressions;
}

/** Where the expression that begins at `from` ends, at the latest where it must. Quoted text may have braces. */
function closingBrace(text: string, from: number): number {
  const longest = text.slice(from, from + LIMITS.expressionLength);
  let depth = 0;
  for (const { 0: token, index } of longest.matchAll(/"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[{}]/gs)) {
    if (token === "{") depth++;
    else if (token === "}" && depth-- === 0) return from + index;
  }
  return from + longest.length;
}

/** `steps.id` and `steps["id"]`, with `.?` and `[?` too, but not inside quoted text. */
function idsIn(expression: string): readonly string[] {
  const pattern =
    /(?<![\w.])steps\s*(?:\.\??\s*([A-Za-z_]\w*)|\[\??\s*(?:"([^"\\]*)"|'([^'\\]*)')\s*\])|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?/gs;
  return [...expression.slice(0, LIMITS.expressionLength).matchAll(pattern)].flatMap(([, ...names]) =>
    names.filter((name) => name !== undefined),
  );
}
