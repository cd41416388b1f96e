/**
 * CEL as an author of workflows expects it, on top of `@marcbachmann/cel-js`.
 *
 * C1. There are no integers: literals and every function that counts yield doubles, so `3 / 2` is 1.5 and JSON's numbers
 *     mix freely. Each built-in with an integer in its signature gets a twin (`size` → `size_`) and calls are renamed.
 * C2. Evaluation is bounded: comprehensions share one budget, regular expressions run in linear time (RE2), and nothing
 *     can double a value over and over (`cel.bind` is off, `join` is bounded).
 */
import { Environment, EvaluationError, type ASTNode, type ParseResult } from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";
import { LIMITS } from "../limits.ts";

/** The names an expression can start from. */
export const CEL_VARIABLES = ["input", "steps", "task"] as const;

/** Parses and rewrites one expression. Throws the library's `ParseError` with the position of the fault. */
export function parseCel(source: string, variables: readonly string[]): ParseResult {
  const parsed = environmentWith(variables).parse(source);
  rewrite(parsed.ast);
  return parsed;
}

/** Evaluates under a fresh budget (C2). Throws the library's `EvaluationError`. */
export function runCel(parsed: ParseResult, context: object): unknown {
  iterationsLeft = LIMITS.expressionIterations;
  return parsed(context);
}

/** How many steps the comprehensions of the last evaluation took. */
export function iterationsOfLast(): number {
  return LIMITS.expressionIterations - iterationsLeft;
}

/** Error messages in the author's words: twins are called by the names of what they stand for. */
export function withoutTwinNames(message: string): string {
  return message.replaceAll(/(\w)_\(/g, "$1(");
}

let shared: Environment | undefined;
/** By the names that an expression can start from beside those that all can. */
const environments = new Map<string, Environment>();
let twinned: ReadonlySet<string> = new Set();
let iterationsLeft = 0;

function environmentWith(variables: readonly string[]): Environment {
  if (variables.length === 0) return environment();
  const key = variables.join();
  const known = environments.get(key);
  if (known !== undefined) return known;
  const env = environment().clone();
  for (const name of new Set(variables)) env.registerVariable(name, "dyn");
  if (environments.size >= LIMITS.celEnvironments) environments.clear();
  environments.set(key, env);
  return env;
}

function environment(): Environment {
  if (shared !== undefined) return shared;
  const options = {
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: {
      maxAstNodes: LIMITS.expressionNodes,
      maxDepth: LIMITS.expressionDepth,
      maxListElements: LIMITS.expressionNodes,
      maxMapEntries: LIMITS.expressionNodes,
    },
  };
  const plain = new Environment({ ...options, unlistedVariablesAreDyn: true });
  const env = new Environment(options);
  for (const name of CEL_VARIABLES) env.registerVariable(name, "dyn");
  env.registerOperator("double % double", (left: number, right: number) => left % right);

  const definitions = plain.getDefinitions().functions;
  const names = new Set(
    definitions.filter((definition) => !WITHOUT_TWIN.has(definition.name) && isIntegral(definition)).map(({ name }) => name),
  );
  const twins = new Set<string>();
  // Those that take doubles come first: `int(double)` serves for `int(int)` too, as nothing else is left to convert.
  for (const { name, receiverType, returnType, params } of definitions.toSorted(
    (a, b) => Number(takesInteger(a)) - Number(takesInteger(b)),
  )) {
    if (!names.has(name)) continue;
    const types = params.map((param) => param.type);
    const receiver = receiverType === null ? "" : `${receiverType.replace(/<dyn.*>$/, "")}.`;
    const twin = `${receiver}${name}_(${types.map(withDouble).join(", ")})`;
    if (twins.has(twin)) continue;
    twins.add(twin);
    const call = plain.parse(`${receiverType === null ? "" : "receiver."}${name}(${types.map((_, index) => `a${index}`).join(", ")})`);
    env.registerFunction(`${twin}: ${withDouble(returnType)}`, (...values: unknown[]) => {
      const scope: Record<string, unknown> = receiverType === null ? {} : { receiver: values.shift() };
      types.forEach((type, index) => (scope[`a${index}`] = isInteger(type) ? toInteger(values[index], name) : values[index]));
      const result: unknown = call(scope);
      return isInteger(returnType) ? Number(result) : result;
    });
  }
  for (const [signature, handler] of REPLACEMENTS) {
    env.registerFunction(signature, handler);
    names.add((/(\w+)_\(/.exec(signature) as RegExpExecArray)[1] as string);
  }
  twinned = names;
  shared = env;
  return env;
}

/** They accept doubles already, and no integer ever reaches them. */
const WITHOUT_TWIN: ReadonlySet<string> = new Set(["double", "string", "type"]);

const REPLACEMENTS: readonly (readonly [string, (...values: never[]) => unknown])[] = [
  ["string.matches_(string): bool", (text: string, pattern: string) => regularExpression(pattern).matcher(text).find()],
  ["list<string>.join_(): string", (parts: string[]) => join(parts, "")],
  ["list<string>.join_(string): string", join],
];

const isInteger = (type: string): boolean => type === "int" || type === "uint";
const withDouble = (type: string): string => (isInteger(type) ? "double" : type);

interface Signature {
  readonly returnType: string;
  readonly params: readonly { readonly type: string }[];
}
const takesInteger = ({ params }: Signature): boolean => params.some((param) => isInteger(param.type));
const isIntegral = (signature: Signature): boolean => takesInteger(signature) || isInteger(signature.returnType);

function toInteger(value: unknown, functionName: string): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw new EvaluationError(`${functionName}() takes whole numbers, got ${String(value)}`);
}

function join(parts: string[], separator: string): string {
  let length = 0;
  for (const part of parts) {
    if (typeof part !== "string") throw new EvaluationError("join() takes a list of strings only; convert with string()");
    length += part.length + separator.length;
  }
  if (length > LIMITS.valueBytes)
    throw new EvaluationError(`join() would make a text of ${length} characters, more than ${LIMITS.valueBytes}`);
  return parts.join(separator);
}

const expressionByPattern = new Map<string, RE2JS>();

function regularExpression(pattern: string): RE2JS {
  const known = expressionByPattern.get(pattern);
  if (known !== undefined) return known;
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    throw new EvaluationError(`"${pattern}" is no regular expression (RE2 syntax): ${(error as Error).message}`);
  }
  if (expressionByPattern.size >= 100) expressionByPattern.clear();
  expressionByPattern.set(pattern, compiled);
  return compiled;
}

/** What the library allows to be changed on a parsed node, and what its macros expand to. */
interface Comprehension {
  condition?: (accumulated: unknown) => boolean;
}
type MutableNode = { op: string; args: unknown; meta?: { alternate?: { op: string; args: Comprehension } } };

/** Makes a freshly parsed tree obey C1 and C2, in place, because macros already hold references to its nodes. */
function rewrite(root: ASTNode): void {
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const item = pending.pop();
    if (typeof item !== "object" || item === null) continue;
    if (Array.isArray(item)) {
      pending.push(...(item as unknown[]));
      continue;
    }
    if (!("op" in item)) continue;
    const node = item as MutableNode;
    pending.push(node.args);
    if (node.op === "value") {
      if (isIntegerLiteral(node.args)) node.args = Number(node.args);
    } else if (node.op === "call" || node.op === "rcall") {
      const parts = node.args as unknown[];
      if (twinned.has(parts[0] as string)) parts[0] = `${parts[0] as string}_`;
    } else if (node.op === "[]" || node.op === "[?]") {
      const parts = node.args as [unknown, MutableNode];
      // The checker wants integers as indexes of typed lists: keep a literal one, hide the type of any other.
      if (parts[1].op === "value" && isIntegerLiteral(parts[1].args)) pending.splice(pending.indexOf(node.args), 1, parts[0]);
      else parts[1] = asDyn(parts[1], pending);
    }
    const comprehension = node.meta?.alternate;
    if (comprehension?.op === "comprehension") spendBudget(comprehension.args);
  }
}

function isIntegerLiteral(value: unknown): boolean {
  return typeof value === "bigint" || (typeof value === "object" && value !== null && typeof value.valueOf() === "bigint");
}

function asDyn(node: MutableNode, pending: unknown[]): MutableNode {
  const call = environment().parse("dyn(null)").ast as unknown as MutableNode & { pos: number };
  call.args = ["dyn", [node]];
  call.pos = (node as unknown as { pos: number }).pos;
  pending.push(node);
  return call;
}

/** The loop asks its condition before every element, which is where it pays. */
function spendBudget(comprehension: Comprehension): void {
  const { condition } = comprehension;
  comprehension.condition = (accumulated) => {
    if (--iterationsLeft < 0) throw new EvaluationError(`The expression loops more than ${LIMITS.expressionIterations} times`);
    return condition === undefined || condition(accumulated);
  };
}
