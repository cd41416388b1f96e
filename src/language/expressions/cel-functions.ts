/**
 * The functions of CEL. What makes or reads through much is here, so that it is paid for first and counts characters as
 * CEL does; the rest is the library's (`cel.ts`), called with values whose size is known.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import { LIMITS } from "../limits.ts";
import type { Budget } from "./budget.ts";
import { nameOfTwin, twinsOf, type Twin } from "./cel.ts";
import type { Evaluation } from "./cel-evaluation.ts";
import { failure, type Node } from "./cel-members.ts";
import { keysOf, typeOfValue, NONE, Optional, outerTypeName, typeName, types, type ValueType } from "./cel-values.ts";
import { matches } from "./pattern.ts";
import { dateOf } from "./timestamp.ts";

/** `values`: what it is called on, if anything, and the arguments. `undefined`: it takes no such values. */
type Run = (evaluation: Evaluation, values: readonly unknown[]) => unknown;

interface Own {
  /** Kinds of the values; absent: any. */
  readonly takes: readonly (ValueType | "any")[];
  readonly run: Run;
}

/** A function by its name, as a method or not. `receiver`: what it is called on, in a box. */
export function call(
  evaluation: Evaluation,
  node: Node,
  twinName: string,
  receiver: { readonly value: unknown } | null,
  args: readonly unknown[],
): unknown {
  const values = receiver === null ? args : [receiver.value, ...args];
  const given = values.map((value) => (isNamespace(value) ? "any" : typeOfValue(value)));
  const { name, own: ways } = functionOf(twinName, receiver !== null);
  const isTwin = name !== twinName;
  const own = ways.find(({ takes }) => fits(takes, given));
  try {
    const made = own?.run(evaluation, values);
    if (made !== undefined) return made;
    const twin = twinsOf(twinName, receiver !== null, args.length).find(({ takes }) => fits(takes, given));
    if (twin !== undefined) return runTwin(evaluation, twin, name, values);
  } catch (error) {
    throw placed(evaluation, node, error, isTwin);
  }
  const nodes = node.args as readonly unknown[];
  const argNodes = nodes[nodes.length - 1] as readonly Node[];
  const types = args.map((value, index) => typeOfArgument(argNodes[index], value, evaluation.budget)).join(", ");
  const on = receiver === null ? "" : `${outerTypeName(receiver.value)}.`;
  throw failure(node, "no_matching_overload", `found no matching overload for '${on}${twinName}(${types})'`);
}

const SHORT = 20;

function textOfNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

/** What a call means, found once by how it is written. */
function functionOf(twinName: string, isMethod: boolean): { readonly name: string; readonly own: readonly Own[] } {
  const found = isMethod ? METHODS : PLAIN;
  let known = found.get(twinName);
  if (known === undefined) {
    const name = nameOfTwin(twinName);
    known = { name, own: FUNCTIONS[isMethod ? `.${name}` : name] ?? [] };
    // Only what the library knows gets so far, which are a few dozen names.
    found.set(twinName, known);
  }
  return known;
}
const METHODS = new Map<string, { readonly name: string; readonly own: readonly Own[] }>();
const PLAIN = new Map<string, { readonly name: string; readonly own: readonly Own[] }>();

/** What is written says it; of what is not known before, what it is. */
const typeOfArgument = (node: Node | undefined, value: unknown, budget: Budget): string =>
  node?.checkedType?.hasDynType === false ? node.checkedType.name : typeName(value, budget);

const fits = (takes: readonly string[], given: readonly string[]): boolean =>
  takes.length === given.length && takes.every((type, index) => type === "any" || type === given[index]);

function runTwin({ budget }: Evaluation, twin: Twin, name: string, values: readonly unknown[]): unknown {
  budget.spend(LIMITS.stepsOfLibrary);
  for (const value of values) {
    if (typeof value === "string") {
      budget.text(value.length);
      // The library reads a duration again and again from each of its characters.
      if (name === "duration" && value.length > LIMITS.durationLength)
        throw new EvaluationError({ code: "invalid_duration", message: `A duration has at most ${LIMITS.durationLength} characters` });
    } else if (value instanceof Uint8Array) budget.bytes(value.length * LIMITS.growthOfBytes);
    else if (value instanceof Date) budget.spend(values.length > 1 ? LIMITS.stepsOfTimeZone : 1);
  }
  return twin.run(values);
}

/** An error says where in the expression it is. Tasks of the first rules say so only of some. */
function placed({ rules }: Evaluation, node: Node, error: unknown, isTwin: boolean): unknown {
  if (!(error instanceof EvaluationError) || (error as { readonly code?: string }).code === "budget") return error;
  const { code = "evaluation_error", summary = error.message } = error as { readonly code?: string; readonly summary?: string };
  if (rules === 0 && isTwin && code !== "evaluation_error")
    return new EvaluationError({ code, message: summary, range: { start: 0, end: 0 } });
  return failure(node, code, summary);
}

const text = (value: unknown): string => value as string;

/** A place in a text. */
function whole(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new EvaluationError(`${name}() takes whole numbers, got ${String(value)}`);
}

const SIZES: readonly Own[] = [
  { takes: ["string"], run: ({ texts }, [value]) => texts.size(text(value)) },
  { takes: ["bytes"], run: (_, [value]) => (value as Uint8Array).length },
  { takes: ["list"], run: (_, [value]) => (value as readonly unknown[]).length },
  { takes: ["map"], run: ({ budget }, [value]) => keysOf(value as object, budget).length },
];

const reading =
  (run: (text: string, wanted: string) => boolean): Run =>
  ({ budget }, [of, wanted]) => {
    budget.scan(text(of).length + text(wanted).length);
    return run(text(of), text(wanted));
  };

const FUNCTIONS: { readonly [name: string]: readonly Own[] } = Object.assign(Object.create(null) as object, {
  dyn: [{ takes: ["any"], run: (_, [value]) => value }],
  type: [{ takes: ["any"], run: (_, [value]) => types()[typeOfValue(value)] }],
  string: [
    { takes: ["string"], run: (_, [value]) => value },
    { takes: ["double"], run: (_, [value]) => textOfNumber(value as number) },
    { takes: ["bool"], run: (_, [value]) => String(value) },
  ],
  double: [{ takes: ["double"], run: (_, [value]) => value }],
  bool: [{ takes: ["bool"], run: (_, [value]) => value }],
  int: [
    {
      takes: ["double"],
      run: (_, [value]) => (Number.isFinite(value) ? Math.trunc(value as number) + 0 : undefined),
    },
    {
      takes: ["string"],
      run: (_, [value]) => (text(value).length <= SHORT && /^-?[0-9]{1,15}$/.test(text(value)) ? Number(value) + 0 : undefined),
    },
  ],
  timestamp: [
    {
      takes: ["string"],
      run: ({ rules }, [value]) => {
        const date = dateOf(text(value), rules);
        if (date !== null) return date;
        throw new EvaluationError({ code: "invalid_timestamp", message: "timestamp() requires a string in ISO 8601 format" });
      },
    },
  ],
  size: SIZES,
  ".size": SIZES,
  ".startsWith": [{ takes: ["string", "string"], run: reading((of, wanted) => of.startsWith(wanted)) }],
  ".endsWith": [{ takes: ["string", "string"], run: reading((of, wanted) => of.endsWith(wanted)) }],
  ".contains": [{ takes: ["string", "string"], run: ({ texts }, [of, wanted]) => texts.contains(text(of), text(wanted)) }],
  ".lowerAscii": [{ takes: ["string"], run: ({ texts }, [of]) => texts.lower(text(of)) }],
  ".trim": [
    {
      takes: ["string"],
      run: ({ budget }, [of]) => {
        budget.scan(text(of).length);
        return text(of).trim();
      },
    },
  ],
  ".upperAscii": [{ takes: ["string"], run: ({ texts }, [of]) => texts.upper(text(of)) }],
  ".matches": [{ takes: ["string", "string"], run: ({ budget }, [of, pattern]) => matches(text(of), text(pattern), budget) }],
  ".split": [
    { takes: ["string", "string"], run: ({ texts }, [of, separator]) => texts.split(text(of), text(separator)) },
    {
      takes: ["string", "string", "double"],
      run: ({ texts }, [of, separator, most]) => texts.split(text(of), text(separator), whole(most, "split")),
    },
  ],
  ".join": [
    { takes: ["list"], run: (evaluation, [parts]) => joined(evaluation, parts, "") },
    {
      takes: ["list", "string"],
      run: (evaluation, [parts, separator]) => joined(evaluation, parts, text(separator)),
    },
  ],
  ".substring": [
    { takes: ["string", "double"], run: ({ texts }, [of, start]) => texts.substring(text(of), whole(start, "substring")) },
    {
      takes: ["string", "double", "double"],
      run: ({ texts }, [of, start, end]) => texts.substring(text(of), whole(start, "substring"), whole(end, "substring")),
    },
  ],
  ".indexOf": [
    { takes: ["string", "string"], run: ({ texts }, [of, wanted]) => texts.indexOf(text(of), text(wanted)) },
    {
      takes: ["string", "string", "double"],
      run: ({ texts }, [of, wanted, from]) => texts.indexOf(text(of), text(wanted), whole(from, "indexOf")),
    },
  ],
  ".lastIndexOf": [
    { takes: ["string", "string"], run: ({ texts }, [of, wanted]) => texts.lastIndexOf(text(of), text(wanted)) },
    {
      takes: ["string", "string", "double"],
      run: ({ texts }, [of, wanted, from]) => texts.lastIndexOf(text(of), text(wanted), whole(from, "lastIndexOf")),
    },
  ],
  ".hasValue": [{ takes: ["optional"], run: (_, [of]) => (of as Optional).hasValue() }],
  ".value": [{ takes: ["optional"], run: (_, [of]) => (of as Optional).value() }],
  ".none": [{ takes: ["any"], run: (_, [of]) => (isNamespace(of) ? NONE : undefined) }],
  ".of": [{ takes: ["any", "any"], run: (_, [of, value]) => (isNamespace(of) ? new Optional(value) : undefined) }],
} satisfies { readonly [name: string]: readonly Own[] });

/** A list that begins with something else is no list of texts. */
function joined({ texts }: Evaluation, parts: unknown, separator: string): unknown {
  const [first] = parts as readonly unknown[];
  return first === undefined || typeof first === "string" ? texts.join(parts as readonly unknown[], separator) : undefined;
}

/** What `optional.of()` is called on: no value, a name. */
const isNamespace = (value: unknown): boolean =>
  typeof value === "object" && value !== null && value.constructor?.name === "OptionalNamespace";
