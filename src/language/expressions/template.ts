/**
 * JSON with `${ … }` in its strings. A string that is exactly one `${ … }` becomes the value with its type; inside a
 * longer string the value becomes text. `$${` stands for a literal `${`.
 */
import { pointer, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Rules } from "../rules.ts";
import { Budget } from "./budget.ts";
import { compileExpression, type Expression, type ExpressionProblem, type Scope } from "./expression.ts";

export interface Template {
  /** Every expression inside with its place, for its references. */
  readonly expressions: readonly { readonly expression: Expression; readonly at: string }[];
  /** The step whose output this is and nothing else. */
  readonly outputOf: string | null;
  /** The scope is only made for a template that has expressions. */
  readonly evaluate: (scope: () => Scope) => Result<Json, string>;
}

export interface TemplateProblem extends ExpressionProblem {
  /** JSON Pointer to the string, from the template's root. */
  readonly at: string;
}

/** Yields `{}`. What most steps have in common exists once: a graph of ten thousand steps should fit a processor's cache. */
export const NOTHING: Template = { expressions: [], outputOf: null, evaluate: () => NO_FIELDS };
const NO_FIELDS = ok({});

const NO_SCOPE: Scope = { input: null, steps: {}, task: {} };

/** `budget`: that of all expressions of the template together. */
type Render = (scope: Scope, budget: Budget) => Json;

export function compileTemplate(
  source: Json,
  rules: Rules,
  variables: readonly string[] = [],
): Result<Template, readonly TemplateProblem[]> {
  const compiler = new TemplateCompiler(rules, variables);
  const render = compiler.compile(source, "");
  if (compiler.problems.length > 0) return err(compiler.problems);
  const constant = ok(compiler.isConstant ? render(NO_SCOPE, new Budget()) : null);
  return ok({
    expressions: compiler.expressions,
    outputOf: compiler.isSingle ? (compiler.expressions[0]?.expression.outputOf ?? null) : null,
    evaluate: (scope) => {
      if (compiler.isConstant) return constant;
      try {
        return ok(render(scope(), new Budget()));
      } catch (error) {
        if (error instanceof EvaluationFailure) return err(error.message);
        throw error;
      }
    },
  });
}

/** Carries a failed expression's message out of a nested template. */
class EvaluationFailure extends Error {}

class TemplateCompiler {
  readonly expressions: { readonly expression: Expression; readonly at: string }[] = [];
  readonly problems: TemplateProblem[] = [];
  /** The whole template is one expression. */
  isSingle = false;
  /** Strings so far that differ from their source once rendered. */
  #rendered = 0;
  readonly #rules: Rules;
  readonly #variables: readonly string[];

  constructor(rules: Rules, variables: readonly string[]) {
    this.#rules = rules;
    this.#variables = variables;
  }

  get isConstant(): boolean {
    return this.expressions.length === 0;
  }

  compile(source: Json, at: string): Render {
    if (typeof source === "string") return this.#compileText(source, at);
    if (typeof source !== "object" || source === null) return () => source;
    const before = this.#rendered;
    if (Array.isArray(source)) return this.#compileList(source, at);
    const entries = Object.entries(source).map(([key, item]) => [key, this.compile(item, at + pointer(key))] as const);
    if (this.#rendered === before) return () => source;
    return (scope, budget) => Object.fromEntries(entries.map(([key, item]) => [key, item(scope, budget)]));
  }

  /** Lists may have millions of numbers: only the items that are something else cost more than a look. */
  #compileList(source: readonly Json[], at: string): Render {
    const rendered: (readonly [number, Render])[] = [];
    for (const [index, item] of source.entries()) {
      if (typeof item !== "string" && (typeof item !== "object" || item === null)) continue;
      const before = this.#rendered;
      const render = this.compile(item, at + pointer(index));
      if (this.#rendered !== before) rendered.push([index, render]);
    }
    if (rendered.length === 0) return () => source;
    return (scope, budget) => {
      const items = [...source];
      for (const [index, render] of rendered) items[index] = render(scope, budget);
      return items;
    };
  }

  #compileText(text: string, at: string): Render {
    if (!text.includes("${")) return () => text;
    this.#rendered++;
    const split = splitText(text);
    if (!split.ok) {
      this.problems.push({ code: "invalid_expression", message: split.error, at });
      return () => null;
    }
    const parts = split.value.map((part) => (typeof part === "string" ? part : this.#compileExpression(part.expression, at)));
    const [only] = parts;
    if (parts.length === 1 && typeof only === "function") {
      this.isSingle = at === "";
      return only;
    }
    return (scope, budget) => parts.map((part) => (typeof part === "string" ? part : this.#asText(part(scope, budget), budget))).join("");
  }

  #asText(value: Json, budget: Budget): string {
    const text = asText(value);
    try {
      budget.text(text.length);
    } catch (error) {
      throw new EvaluationFailure((error as Error).message);
    }
    return text;
  }

  #compileExpression(source: string, at: string): Render {
    const compiled = compileExpression(source, "any", this.#rules, this.#variables);
    if (!compiled.ok) {
      this.problems.push(...compiled.error.map((problem) => ({ ...problem, at })));
      return () => null;
    }
    const expression = compiled.value;
    this.expressions.push({ expression, at });
    return (scope, budget) => {
      const result = expression.evaluate(scope, budget);
      if (!result.ok) throw new EvaluationFailure(result.error);
      return result.value;
    };
  }
}

/** A value inside a longer text. */
export function asText(value: Json): string {
  if (value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

type Part = string | { readonly expression: string };

/** Splits a string at its `${ … }`, in which braces and quoted text nest. */
function splitText(text: string): Result<readonly Part[], string> {
  const parts: Part[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    if (text.startsWith("$${", at)) {
      literal += "${";
      at += 3;
    } else if (text.startsWith("${", at)) {
      const end = closingBrace(text, at + 2);
      if (end === -1) return err(`"\${" at character ${at + 1} is not closed; write "$\${" for the text itself`);
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push({ expression: text.slice(at + 2, end).trim() });
      at = end + 1;
    } else {
      literal += text[at];
      at++;
    }
    if (parts.length > LIMITS.templateParts) return err(`a text has at most ${LIMITS.templateParts} expressions`);
  }
  if (literal !== "") parts.push(literal);
  return ok(parts);
}

/** The index of the `}` that ends an expression starting at `from`, or -1. */
function closingBrace(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string;
    if (character === "{") depth++;
    else if (character === "}" && depth-- === 0) return at;
    else if (character === '"' || character === "'") {
      at = closingQuote(text, at);
      if (at === -1) return -1;
    }
  }
  return -1;
}

/** The index of the last character of the quoted text that starts at `from`, or -1. */
function closingQuote(text: string, from: number): number {
  const quote = text[from] as string;
  const delimiter = text.startsWith(quote.repeat(3), from) ? quote.repeat(3) : quote;
  for (let at = from + delimiter.length; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text.startsWith(delimiter, at)) return at + delimiter.length - 1;
  }
  return -1;
}
