/**
 * One CEL expression of a workflow: compiled once, with the steps it refers to; evaluated to JSON or to a failure that
 * says where and what to do. What can be known without running it is found when it is compiled.
 */
import type { ASTNode, ParseResult } from "@marcbachmann/cel-js";
import type { Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { excerpt } from "../../shared/text.ts";
import type { Rules } from "../rules.ts";
import { Budget } from "./budget.ts";
import { CEL_VARIABLES, parseCel, withoutTwinNames } from "./cel.ts";
import { Evaluation } from "./cel-evaluation.ts";
import type { Node } from "./cel-members.ts";
import { isPlain, keysOf } from "./cel-values.ts";

/** What an expression sees. A step that has not settled reads as pending; getters that are not asked are never called. */
export interface Scope {
  readonly input: Json;
  readonly task: Json;
  readonly steps: { readonly [id: string]: StepReading };
  /** Further names: an item, an iteration, an agent's reply. */
  readonly [variable: string]: unknown;
}

export interface StepReading {
  readonly status: string;
  readonly output: Json;
  readonly error: Json;
}

export interface StepReference {
  readonly id: string;
  /** The field read, or `null` where the whole reading is used. */
  readonly field: keyof StepReading | null;
}

export interface Expression {
  readonly source: string;
  readonly steps: readonly StepReference[];
  /** The names it starts from, `steps` aside. */
  readonly names: ReadonlySet<string>;
  /** Paths below a name that it reads, such as `input.user.name`; the longest that are written out. */
  readonly paths: readonly (readonly string[])[];
  /** It reads nothing: its value is always the same. */
  readonly isConstant: boolean;
  /** The step whose output this is and nothing else, so that a recorded value can be passed on without reading it. */
  readonly outputOf: string | null;
  /** `budget`: what it may take together with others; its own unless given. */
  readonly evaluate: (scope: Scope, budget?: Budget) => Result<Json, string>;
}

export interface ExpressionProblem {
  readonly code: "invalid_expression" | "unknown_reference";
  readonly message: string;
}

/**
 * Compiles; with `expected: "bool"` an expression that can only yield something else is refused. `variables` are the names
 * it may start from beside those that all may.
 */
export function compileExpression(
  written: string,
  expected: "any" | "bool",
  rules: Rules,
  variables: readonly string[] = [],
): Result<Expression, readonly ExpressionProblem[]> {
  const source = unwrapped(written);
  const problem = (code: ExpressionProblem["code"], message: string) =>
    err([{ code, message: `in "${excerpt(source, 200)}": ${message}` }]);
  if (source.length > LIMITS.expressionLength) {
    return problem("invalid_expression", `an expression has at most ${LIMITS.expressionLength} characters, this one ${source.length}`);
  }
  let parsed: ParseResult;
  try {
    parsed = parseCel(source, variables);
  } catch (error) {
    const [, word] = /\bsteps\.(in|true|false|null)\b/.exec(source) ?? [];
    const hint = word === undefined ? "" : `; "${word}" is a word of the language: write steps["${word}"]`;
    return problem("invalid_expression", describe(error) + hint);
  }

  const references = new ReferenceCollector();
  references.visit(parsed.ast);
  const [misuse] = references.problems;
  if (misuse !== undefined) return problem(misuse.code, misuse.message);

  const checked = parsed.check();
  if (!checked.valid) {
    const unknownVariable = (checked.error as { code?: string }).code === "unknown_variable";
    const hint = unknownVariable ? `; an expression starts from ${[...CEL_VARIABLES, ...new Set(variables)].join(", ")}` : "";
    return problem(unknownVariable ? "unknown_reference" : "invalid_expression", describe(checked.error) + hint);
  }
  if (expected === "bool" && checked.type !== "bool" && checked.type !== "dyn") {
    return problem("invalid_expression", `expected a condition that is true or false, got ${String(checked.type)}`);
  }
  const yieldsJson = isPath(parsed.ast, variables) && stepIdOf(parsed.ast) === null;
  return ok({
    source,
    steps: references.steps,
    names: references.names,
    paths: references.paths,
    isConstant: references.steps.length === 0 && references.names.size === 0,
    outputOf: outputPath(parsed.ast),
    evaluate: (scope, budget) => evaluate({ source, root: parsed.ast, rules, yieldsJson }, scope, budget ?? new Budget()),
  });
}

/** Where an expression is expected, `${ … }` around all of it says nothing more. */
function unwrapped(written: string): string {
  const inner = /^\s*\$\{([^]*)\}\s*$/.exec(written)?.[1];
  return inner === undefined || inner.includes("${") ? written : inner.trim();
}

interface Evaluable {
  readonly source: string;
  readonly root: Node;
  readonly rules: Rules;
  readonly yieldsJson: boolean;
}

function evaluate({ source, root, rules, yieldsJson }: Evaluable, scope: Scope, budget: Budget): Result<Json, string> {
  try {
    const value = new Evaluation(scope, rules, budget).run(root);
    // What a path reads from JSON is JSON already; anything computed is brought back to it.
    return ok(yieldsJson ? (value as Json) : toJson(value, budget));
  } catch (error) {
    return err(`in "${excerpt(source, 200)}": ${describe(error)}${missingKeyHint(error)}`);
  } finally {
    stepsOfLast = budget.steps;
  }
}

/** What the last evaluation took. */
export let stepsOfLast = 0;

interface LibraryError {
  readonly summary?: string;
  readonly message: string;
  readonly code?: string;
  readonly range?: { readonly start: number };
}

function describe(error: unknown): string {
  const { summary, message, range } = error as LibraryError;
  const text = withoutTwinNames(excerpt(summary ?? message, 300));
  return range === undefined ? text : `${text}, at character ${range.start + 1}`;
}

function missingKeyHint(error: unknown): string {
  const { code } = error as LibraryError;
  if (code !== "no_such_key" && code !== "index_out_of_bounds") return "";
  return "; test for it with has(), or read it with .? and orValue()";
}

/** Brings a CEL value back to JSON. Throws a message for what JSON cannot say and for values past the limit. */
function toJson(value: unknown, budget: Budget, left = { bytes: LIMITS.valueBytes }): Json {
  left.bytes -= typeof value === "string" ? value.length + 2 : 4;
  if (left.bytes < 0) throw new Error(`The value is larger than ${LIMITS.valueBytes} bytes`);
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw new Error(`The result ${value} is no JSON number; was something divided by zero?`);
      // JSON that is written has no other zero.
      return value === 0 ? 0 : value;
    case "bigint":
      return Number(value);
    case "object":
      break;
    default:
      throw new Error(`A ${typeof value} is no JSON value`);
  }
  if (value === null) return null;
  if (Array.isArray(value)) {
    budget.list(value.length);
    return value.map((item) => toJson(item, budget, left));
  }
  if (isPlain(value)) {
    const entries = keysOf(value, budget).map((key) => {
      left.bytes -= key.length;
      return [key, toJson(value[key], budget, left)] as const;
    });
    return Object.fromEntries(entries);
  }
  if (value instanceof Date) return value.toISOString();
  if ("hasValue" in value && "value" in value) {
    const optional = value as { hasValue: () => boolean; value: () => unknown };
    return optional.hasValue() ? toJson(optional.value(), budget, left) : null;
  }
  // oxlint-disable-next-line typescript/no-base-to-string -- the library's durations print themselves, as "90s"
  if ("seconds" in value && "nanos" in value) return String(value);
  throw new Error("The result is no JSON value; convert it with string()");
}

const FIELDS: readonly string[] = ["status", "output", "error"] satisfies (keyof StepReading)[];
const ACCESS: readonly string[] = [".", ".?", "[]", "[?]"];

/** What an expression refers to. `steps` only means something with a literal id after it. */
class ReferenceCollector {
  readonly steps: StepReference[] = [];
  readonly names = new Set<string>();
  readonly paths: string[][] = [];
  readonly problems: ExpressionProblem[] = [];

  visit(node: ASTNode): void {
    const path = pathOf(node);
    if (path !== null && path[0] !== "steps") {
      this.names.add(path[0] as string);
      this.paths.push(path);
      return;
    }
    if (ACCESS.includes(node.op)) {
      const [base, key] = node.args as [ASTNode, unknown];
      const id = stepIdOf(base);
      if (id !== null) return this.#readStep(id, literalKey(key), node);
      const whole = stepIdOf(node);
      if (whole !== null) {
        this.steps.push({ id: whole, field: null });
        return;
      }
    }
    if (node.op === "id" && node.args === "steps") {
      this.#refuse("invalid_expression", 'steps is only used as steps.id or steps["id"], with the id written out', node);
      return;
    }
    if (node.op === "rcall" && node.args[0] === "bind") this.#refuse("invalid_expression", "cel.bind() is not available", node);
    if (node.op === "rcall") this.#refuseShadowing(node.args[2]);
    this.#visitArguments(node.args);
  }

  #readStep(id: string, field: string | null, node: ASTNode): void {
    if (field === null || !FIELDS.includes(field)) {
      this.#refuse("unknown_reference", `a step reads as status, output and error, not as "${field ?? "…"}"`, node);
    } else {
      this.steps.push({ id, field: field as keyof StepReading });
    }
  }

  /** A comprehension that names its variable like one of ours would make every check here a guess. */
  #refuseShadowing(macroArguments: readonly ASTNode[]): void {
    const [variable] = macroArguments;
    if (macroArguments.length < 2 || variable?.op !== "id") return;
    if ((CEL_VARIABLES as readonly string[]).includes(variable.args)) {
      this.#refuse("invalid_expression", `"${variable.args}" cannot be the name of a loop variable`, variable);
    }
  }

  #visitArguments(value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.#visitArguments(item);
    else if (typeof value === "object" && value !== null && "op" in value) this.visit(value as ASTNode);
  }

  #refuse(code: ExpressionProblem["code"], message: string, node: ASTNode): void {
    this.problems.push({ code, message: `${message}, at character ${node.range.start + 1}` });
  }
}

/** The id in `steps.id` or `steps["id"]`, or `null` when the node is something else. */
function stepIdOf(node: ASTNode): string | null {
  if (!ACCESS.includes(node.op)) return null;
  const [base, key] = node.args as [ASTNode, unknown];
  return base.op === "id" && base.args === "steps" ? literalKey(key) : null;
}

/** A key that is written out. Computed keys were wrapped in `dyn()` when the expression was parsed. */
function literalKey(key: unknown): string | null {
  if (typeof key === "string") return key;
  const node = key as ASTNode;
  if (node.op === "call" && node.args[0] === "dyn") return literalKey(node.args[1][0]);
  return node.op === "value" && typeof node.args === "string" ? node.args : null;
}

/** Whether a node reads a part of our variables, which hold JSON. A whole step reading is put together first. */
function isPath(node: ASTNode, variables: readonly string[]): boolean {
  if (node.op === "id") return (CEL_VARIABLES as readonly string[]).includes(node.args) || variables.includes(node.args);
  return (node.op === "." || node.op === "[]") && isPath(node.args[0], variables);
}

/** A name and the literal keys after it, or `null` when the node is something else. Optional access ends the path. */
function pathOf(node: ASTNode): string[] | null {
  if (node.op === "id") return [node.args];
  if (node.op !== "." && node.op !== "[]") return null;
  const [base, key] = node.args as [ASTNode, unknown];
  const before = pathOf(base);
  const literal = literalKey(key);
  return before === null || literal === null ? null : [...before, literal];
}

function outputPath(node: ASTNode): string | null {
  if (node.op !== "." || node.args[1] !== "output") return null;
  return stepIdOf(node.args[0]);
}
