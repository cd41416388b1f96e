/**
 * CEL as an author of workflows expects it: `@marcbachmann/cel-js` reads and checks expressions, `cel-evaluation.ts` says
 * what they come to.
 *
 * C1. There are no integers: literals and every function that counts yield doubles, so `3 / 2` is 1.5 and JSON's numbers
 *     mix freely. Each built-in with an integer in its signature gets a twin (`size` → `size_`) and calls are renamed.
 * C2. Evaluation is bounded in steps and in bytes (`budget.ts`), and no name or type that a caller makes up is remembered
 *     for ever: the library keeps both by environment, so the environments are made anew after so many.
 */
import { Environment, EvaluationError, type ASTNode, type ParseResult } from "@marcbachmann/cel-js";
import { LIMITS } from "../limits.ts";
import type { ValueType } from "./cel-values.ts";

/** The names an expression can start from. */
export const CEL_VARIABLES = ["input", "steps", "task"] as const;

/** Parses and rewrites one expression. Throws the library's `ParseError` with the position of the fault. */
export function parseCel(source: string, variables: readonly string[]): ParseResult {
  const env = environmentWith(variables);
  try {
    const parsed = env.parse(source);
    rewrite(parsed.ast);
    return parsed;
  } catch (error) {
    unknownNames += source.split("(").length - 1;
    throw error;
  } finally {
    if (unknownNames > LIMITS.celUnknownNames) forgetEnvironments();
  }
}

/** Error messages in the author's words: twins are called by the names of what they stand for. */
export function withoutTwinNames(message: string): string {
  return message.replaceAll("_(", "(");
}

/** What a call is renamed to is no name that an author could write. */
export const nameOfTwin = (name: string): string => (name.endsWith("_") ? name.slice(0, -1) : name);

/** A function of the library. `takes`: the kinds of what it is called on, if anything, and of its arguments. */
export interface Twin {
  readonly takes: readonly (ValueType | "any")[];
  readonly run: (values: readonly unknown[]) => unknown;
}

export function twinsOf(name: string, isMethod: boolean, args: number): readonly Twin[] {
  return language().twins.get(`${isMethod ? "." : ""}${name}/${args}`) ?? [];
}

interface Language {
  readonly env: Environment;
  /** Names of functions that have twins, and of all. */
  readonly twinned: ReadonlySet<string>;
  readonly known: ReadonlySet<string>;
  readonly twins: ReadonlyMap<string, readonly Twin[]>;
}

let shared: Language | undefined;
/** By the names that an expression can start from beside those that all can. */
const environments = new Map<string, Environment>();
let unknownNames = 0;

function forgetEnvironments(): void {
  shared = undefined;
  environments.clear();
  unknownNames = 0;
}

function environmentWith(variables: readonly string[]): Environment {
  if (variables.length === 0) return language().env;
  const key = variables.join();
  const known = environments.get(key);
  if (known !== undefined) return known;
  const env = language().env.clone();
  for (const name of new Set(variables)) env.registerVariable(name, "dyn");
  if (environments.size >= LIMITS.celEnvironments) environments.clear();
  environments.set(key, env);
  return env;
}

function language(): Language {
  return (shared ??= makeLanguage());
}

function makeLanguage(): Language {
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
  const twinned = new Set(
    definitions.filter((definition) => !WITHOUT_TWIN.has(definition.name) && isIntegral(definition)).map(({ name }) => name),
  );
  const twins = new Map<string, Twin[]>();
  const registered = new Set<string>();
  // Those that take doubles come first: `int(double)` serves for `int(int)` too, as nothing else is left to convert.
  for (const definition of definitions.toSorted((a, b) => Number(takesInteger(a)) - Number(takesInteger(b)))) {
    const { name, receiverType, returnType, params } = definition;
    const types = params.map((param) => param.type);
    if (types.includes("ast")) continue;
    const twinName = twinned.has(name) ? `${name}_` : name;
    const receiver = receiverType === null ? "" : `${receiverType.split("<dyn", 1)[0]}.`;
    const signature = `${receiver}${twinName}(${types.map(withDouble).join(", ")})`;
    if (registered.has(signature)) continue;
    registered.add(signature);
    if (twinName !== name) env.registerFunction(`${signature}: ${withDouble(returnType)}`, () => null);
    const key = `${receiverType === null ? "" : "."}${twinName}/${params.length}`;
    twins.set(key, [...(twins.get(key) ?? []), twinOf(plain, definition)]);
  }
  env.registerFunction("string.matches_(string): bool", () => null);
  env.registerFunction("list<string>.join_(): string", () => null);
  env.registerFunction("list<string>.join_(string): string", () => null);
  for (const name of ["matches", "join"]) twinned.add(name);
  return { env, twinned, known: new Set(definitions.map(({ name }) => name)), twins };
}

/** They accept doubles already, and no integer ever reaches them. */
const WITHOUT_TWIN: ReadonlySet<string> = new Set(["double", "string", "type"]);

const isInteger = (type: string): boolean => type === "int" || type === "uint";
const withDouble = (type: string): string => (isInteger(type) ? "double" : type);

interface Signature {
  readonly name: string;
  readonly receiverType: string | null;
  readonly returnType: string;
  readonly params: readonly { readonly type: string }[];
}
const takesInteger = ({ params }: Signature): boolean => params.some((param) => isInteger(param.type));
const isIntegral = (signature: Signature): boolean => takesInteger(signature) || isInteger(signature.returnType);

function twinOf(plain: Environment, { name, receiverType, returnType, params }: Signature): Twin {
  const types = params.map((param) => param.type);
  let parsed: ParseResult | undefined;
  const call = (): ParseResult =>
    (parsed ??= plain.parse(`${receiverType === null ? "" : "receiver."}${name}(${types.map((_, index) => `a${index}`).join(", ")})`));
  return {
    takes: [...(receiverType === null ? [] : [receiverType]), ...types].map(typeInSignature),
    run: (values) => {
      const scope: Record<string, unknown> = receiverType === null ? {} : { receiver: values[0] };
      const args = receiverType === null ? values : values.slice(1);
      types.forEach((type, index) => (scope[`a${index}`] = isInteger(type) ? toInteger(args[index], name) : args[index]));
      const result: unknown = call()(scope);
      return isInteger(returnType) ? Number(result) : result;
    },
  };
}

function typeInSignature(type: string): ValueType | "any" {
  const [outer = ""] = type.split("<");
  if (isInteger(outer)) return "double";
  if (outer === "google.protobuf.Timestamp") return "timestamp";
  if (outer === "google.protobuf.Duration") return "duration";
  return KINDS.has(outer) ? (outer as ValueType) : "any";
}
const KINDS: ReadonlySet<string> = new Set(["string", "double", "bool", "null", "list", "map", "bytes", "type", "optional"]);

function toInteger(value: unknown, functionName: string): bigint {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  throw new EvaluationError(`${functionName}() takes whole numbers, got ${String(value)}`);
}

/** What the library allows to be changed on a parsed node, and what its macros expand to. */
interface MutableNode {
  readonly op: string;
  args: unknown;
  readonly meta?: { readonly alternate?: { readonly op: string; readonly args: { readonly step: MutableNode } } };
  readonly setMeta: (name: "check", check: Check) => unknown;
}

/** How the library finds the type of a node. */
type Check = (checker: Checker, node: MutableNode, context: unknown) => TypeOfNode;
interface TypeOfNode {
  readonly kind: string;
  readonly unify: (registry: Checker["registry"], other: TypeOfNode) => TypeOfNode | null;
}
interface Checker {
  readonly check: (node: unknown, context: unknown) => TypeOfNode;
  readonly dynType: TypeOfNode;
  readonly registry: {
    readonly getListType: (of: TypeOfNode) => TypeOfNode;
    readonly getMapType: (key: TypeOfNode, value: TypeOfNode) => TypeOfNode;
  };
}

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
      const { twinned, known } = language();
      if (twinned.has(parts[0] as string)) parts[0] = `${parts[0] as string}_`;
      else if (!known.has(parts[0] as string)) unknownNames++;
    } else if (node.op === "[]" || node.op === "[?]") {
      const parts = node.args as [unknown, MutableNode];
      // The checker wants integers as indexes of typed lists: keep a literal one, hide the type of any other.
      if (parts[1].op === "value" && isIntegerLiteral(parts[1].args)) pending.splice(pending.indexOf(node.args), 1, parts[0]);
      else parts[1] = asDyn(parts[1], pending);
    } else if ((node.op === "list" || node.op === "map") && (node.args as readonly unknown[]).length > 0) {
      node.setMeta("check", node.op === "list" ? checkList : checkMap);
    }
    const comprehension = node.meta?.alternate;
    if (comprehension?.op === "comprehension") flattenItems(comprehension.args.step);
  }
}

/**
 * The library remembers every type that it has seen, for ever: lists and maps inside others are of no type that is told
 * apart, so there are only so many.
 */
const checkList: Check = (checker, { args }, context) =>
  checker.registry.getListType(typeOfAll(checker, args as readonly unknown[], context));

const checkMap: Check = (checker, { args }, context) => {
  const entries = args as readonly (readonly [unknown, unknown])[];
  const keys = entries.map(([key]) => key);
  const values = entries.map(([, value]) => value);
  return checker.registry.getMapType(typeOfAll(checker, keys, context), typeOfAll(checker, values, context));
};

function typeOfAll(checker: Checker, nodes: readonly unknown[], context: unknown): TypeOfNode {
  const types = nodes.map((node) => checker.check(node, context));
  const common = types.reduce((one, other) => one.unify(checker.registry, other) ?? checker.dynType);
  return common.kind === "primitive" || common.kind === "message" ? common : checker.dynType;
}

/** What a `map()` or a `filter()` gathers. */
function flattenItems(step: MutableNode): void {
  if (step.op === "?:") for (const branch of step.args as readonly MutableNode[]) if (branch.op === "accuPush") flattenItems(branch);
  if (step.op === "accuPush")
    step.setMeta("check", (checker, { args }, context) => checker.registry.getListType(typeOfAll(checker, [args], context)));
}

function isIntegerLiteral(value: unknown): boolean {
  return typeof value === "bigint" || (typeof value === "object" && value !== null && typeof value.valueOf() === "bigint");
}

function asDyn(node: MutableNode, pending: unknown[]): MutableNode {
  const call = language().env.parse("dyn(null)").ast as unknown as MutableNode & { pos: number };
  call.args = ["dyn", [node]];
  call.pos = (node as unknown as { pos: number }).pos;
  pending.push(node);
  return call;
}
