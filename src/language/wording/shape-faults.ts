/**
 * Faults in the shape of a document, in the words of this project: what was expected, what came, and what was probably
 * meant. They name a place that exists, or that of what is missing.
 */
import type { z } from "zod";
import type { Fault } from "../../shared/errors.ts";
import { isJsonObject, pointer, type Json, type JsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import { excerpt, nearest } from "../../shared/text.ts";
import { fieldsAt, valueAt, type Path } from "./schema-fields.ts";
import { fieldNamed, fieldsMeant, meantKind, meantValue } from "./synonyms.ts";
import { STEP_KINDS } from "../kinds/table.ts";
import { stepDefinition } from "../definition.ts";

/** What was checked, and where its fields are known against what. */
export interface Checked {
  readonly value: unknown;
  readonly schema?: z.core.$ZodType;
}

type Issue = z.core.$ZodIssue;

interface Placed {
  readonly issue: Issue;
  readonly path: Path;
}

/** A fault without its place. */
interface Wording {
  readonly message: string;
  readonly suggestion?: string;
}

export function shapeFaults(issues: readonly Issue[], checked: Checked | null, root: string): readonly Fault[] {
  const faults: Fault[] = [];
  for (const issue of issues.slice(0, LIMITS.faults)) {
    for (const placed of leaves(issue, [])) {
      if (faults.length >= LIMITS.faults) return faults;
      faults.push(...faultsAt(placed, checked, root, LIMITS.faults - faults.length));
    }
  }
  return faults;
}

/** Where several shapes are allowed, the faults of the one that a value of this type was meant to have. */
function leaves(issue: Issue, before: Path): readonly Placed[] {
  const path = [...before, ...issue.path];
  if (issue.code !== "invalid_union") return [{ issue, path }];
  const fitting = issue.errors.filter((option) =>
    option.every(({ code, path: inner }) => inner.length > 0 || code === "unrecognized_keys"),
  );
  const [closest] = fitting.toSorted((a, b) => a.length - b.length);
  return closest === undefined ? [{ issue, path }] : closest.flatMap((inner) => leaves(inner, path));
}

function faultsAt({ issue, path }: Placed, checked: Checked | null, root: string, most: number): readonly Fault[] {
  const at = root + pointer(...path.map((segment) => (typeof segment === "symbol" ? segment.toString() : segment)));
  if (issue.code === "unrecognized_keys") {
    const place = placeAt(path, checked);
    return issue.keys.slice(0, most).map((key) => ({ code: "invalid_request", pointer: at + pointer(key), ...unknownField(key, place) }));
  }
  const value = checked === null ? undefined : valueAt(checked.value, path);
  return [{ code: "invalid_request", pointer: at, ...wordingOf(issue, path, value, checked !== null) }];
}

/** An object with unknown fields: looked at once, however many they are. */
interface Place {
  readonly fields: readonly string[];
  readonly holder: JsonObject;
  readonly isStep: boolean;
  /** The kinds of steps that have all of its fields. */
  readonly kinds: readonly string[];
}

function placeAt(path: Path, checked: Checked | null): Place | null {
  const fields = checked?.schema === undefined ? [] : fieldsAt(checked.schema, checked.value, path);
  const holder = valueAt(checked?.value, path);
  if (fields.length === 0 || !isJsonObject(holder)) return null;
  const isStep = typeof path.at(-1) === "number" && path.at(-2) === "steps";
  return { fields, holder, isStep, kinds: isStep ? kindsWith(Object.keys(holder).filter((field) => field !== "type")) : [] };
}

function unknownField(key: string, place: Place | null): Wording {
  if (place === null) return { message: "unknown field" };
  const { fields, holder, isStep, kinds: all } = place;
  if (all.length === 1)
    return { message: `unknown field of this kind of step; did you mean the type "${all[0]}"?`, suggestion: `"type": "${all[0]}"` };
  const free = fields.filter((field) => !Object.hasOwn(holder, field));
  const named = fieldNamed(key, free);
  if (named !== null) return didYouMean(named);
  const taken = fieldNamed(key, fields);
  if (taken !== null) return { message: `unknown field; it seems to say what "${taken}" says, so leave one of them out` };
  const kinds = isStep ? [...new Set(fieldsMeant(key).flatMap((field) => kindsWith([field])))] : [];
  if (kinds.length > 0) {
    const message = `unknown field of this kind of step; only steps of the type ${kinds.join(", ")} have it`;
    return kinds.length > 1 ? { message } : { message, suggestion: `"type": "${kinds[0]}"` };
  }
  const close = nearest(key, free);
  return close === null ? { message: `unknown field; expected ${fields.join(", ")}` } : didYouMean(close);
}

const didYouMean = (field: string): Wording => ({ message: `unknown field; did you mean "${field}"?`, suggestion: field });

/** Kinds of steps that have all of these fields. */
const kindsWith = (fields: readonly string[]): readonly string[] =>
  STEP_KINDS.filter((_, index) => fields.every((field) => Object.hasOwn(stepDefinition.options[index]?.shape ?? {}, field)));

/** `isDefinition`: it is a workflow, whose fields are best shown by examples. */
function wordingOf(issue: Issue, path: Path, value: unknown, isDefinition: boolean): Wording {
  const field = fieldOf(path);
  const example = isDefinition ? EXAMPLES.get(field) : undefined;
  switch (issue.code) {
    case "invalid_type": {
      const expected = expectation(issue, field, example);
      if (isMissing(issue)) return { message: `missing; expected ${expected}` };
      return withRepair(`expected ${expected}${came(value)}`, field, value);
    }
    case "invalid_value":
    case "invalid_union":
      return choice(issue, field, value, example);
    case "too_small":
    case "too_big":
      return { message: sizeMessage(issue, value) };
    case "invalid_format":
      return withRepair(`${ownMessage(issue) ?? `expected a text that matches ${issue.format}`}${came(value)}`, field, value);
    case "invalid_key":
      return { message: `as a name: ${issue.issues[0]?.message ?? "it is not allowed"}` };
    case "custom":
      return issue.message.startsWith("expected a duration")
        ? withRepair(issue.message + came(value), field, value)
        : { message: issue.message };
    case "unrecognized_keys":
    case "not_multiple_of":
    case "invalid_element":
      return { message: issue.message };
  }
}

/** The name of the member, or of the list with `[]` for one of its items. */
const fieldOf = (path: Path): string => (typeof path.at(-1) === "number" ? `${String(path.at(-2))}[]` : String(path.at(-1) ?? ""));

const TYPE_WORDS: { readonly [type: string]: string } = {
  array: "a list",
  object: "an object",
  record: "an object",
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  nonoptional: "a value",
};

/** What one of the shapes that are allowed would be. */
function expectation(issue: Issue, field: string, example: string | undefined): string {
  if (issue.code === "invalid_value") return listed(issue.values);
  if (issue.code !== "invalid_type") return (ownMessage(issue) ?? "something else").replace(/^expected /, "");
  const word = TYPE_WORDS[issue.expected] ?? issue.expected;
  if (DURATIONS.has(field) && word === "a text") return 'a duration such as "30s"';
  const isOfType = example !== undefined && (word === "a value" || example.startsWith(FIRST_CHARACTER[word] ?? ""));
  return isOfType ? `${word} such as ${example}` : word;
}

const FIRST_CHARACTER: { readonly [word: string]: string } = { "a list": "[", "an object": "{", "a text": '"' };

const isMissing = (issue: Issue): boolean => issue.message.endsWith("received undefined");

/** A message of ours; the library's own are for programmers. */
function ownMessage({ message }: Issue): string | null {
  return /^(Invalid|Too (big|small)|Unrecognized)/.test(message) ? null : message;
}

const listed = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(", ");

function choice(
  issue: Extract<Issue, { code: "invalid_value" | "invalid_union" }>,
  field: string,
  value: unknown,
  example: string | undefined,
): Wording {
  if (issue.code === "invalid_union" && issue.discriminator !== undefined) return kindWording(value);
  const options = issue.code === "invalid_value" ? [issue] : issue.errors.flatMap(([first]) => first ?? []);
  const own = issue.code === "invalid_union" ? ownMessage(issue) : null;
  const expected = own ?? `expected ${[...new Set(options.map((option) => expectation(option, field, example)))].join(", or ")}`;
  if (value === undefined && options.some(isMissing)) return { message: `missing; ${expected}` };
  const values = options.flatMap((option) => (option.code === "invalid_value" ? option.values.map(String) : []));
  const meant = typeof value === "string" ? meantValue(value, values) : null;
  if (meant !== null) return { message: `${expected}${came(value)}; did you mean "${meant}"?`, suggestion: meant };
  return withRepair(`${expected}${came(value)}`, field, value);
}

function kindWording(value: unknown): Wording {
  const message = `expected one of ${STEP_KINDS.join(", ")}${came(value)}`;
  const meant = typeof value === "string" ? meantKind(value) : null;
  if (meant === null) return { message };
  return { message: `${message}; did you mean "${meant.kind}"?${meant.note === null ? "" : ` (${meant.note})`}`, suggestion: meant.kind };
}

function sizeMessage(issue: Extract<Issue, { code: "too_small" | "too_big" }>, value: unknown): string {
  const [word, bound] = issue.code === "too_small" ? ["at least", issue.minimum] : ["at most", issue.maximum];
  const isList = issue.origin === "array";
  if (!isList && issue.origin !== "string") return `expected ${word} ${bound}${came(value)}`;
  const what = isList ? "a list" : "a text";
  if (issue.code === "too_small" && bound === 1) return `expected ${what} that is not empty`;
  const size = Array.isArray(value) || typeof value === "string" ? `, got ${value.length}` : "";
  return `expected ${what} of ${word} ${bound} ${isList ? "items" : "characters"}${size}`;
}

function came(value: unknown): string {
  if (value === undefined) return "";
  if (Array.isArray(value)) return ", got a list";
  return isJsonObject(value) ? ", got an object" : `, got ${excerpt(JSON.stringify(value), 60)}`;
}

/** With the value that says the same as it has to be said. */
function withRepair(message: string, field: string, value: unknown): Wording {
  const repaired = repair(field, value);
  if (repaired === null || repaired === value) return { message };
  const json = JSON.stringify(repaired);
  return { message: `${message}; write ${json}`, suggestion: typeof repaired === "string" ? repaired : json };
}

function repair(field: string, value: unknown): Json {
  if (DURATIONS.has(field)) return durationMeant(value);
  if (LISTS_OF_TEXT.has(field) && typeof value === "string") return [value];
  if (field === "retry" && typeof value === "number") return { max_attempts: value };
  if (IDENTIFIERS.has(field) && (typeof value === "string" || typeof value === "number")) {
    return (
      String(value)
        .trim()
        .replaceAll(/[^A-Za-z0-9_.-]+/g, "_") || null
    );
  }
  if (CONDITIONS.has(field) && typeof value === "boolean") return String(value);
  return COUNTS.has(field) && typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : null;
}

/** Of a number the seconds; of other words for units ours. */
function durationMeant(value: unknown): string | null {
  if (typeof value === "number") return value > 0 ? `${value}s` : null;
  // Longer ones are none, and would be read again and again.
  if (typeof value !== "string" || value.length > 64) return null;
  const [, amount, unit] =
    /^\s*(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|)\s*$/i.exec(value) ?? [];
  if (amount === undefined || unit === undefined) return null;
  const short = unit === "" ? "s" : /^m(s|illi)/i.test(unit) ? "ms" : unit.charAt(0).toLowerCase();
  return `${amount}${short}`;
}

const LISTS_OF_TEXT: ReadonlySet<string> = new Set(["needs", "assignees", "escalate_to", "exclude", "non_retryable"]);
const IDENTIFIERS: ReadonlySet<string> = new Set(["id", "needs[]", "capability", "agent", "name"]);
const CONDITIONS: ReadonlySet<string> = new Set(["when", "until", "match"]);
const COUNTS: ReadonlySet<string> = new Set(["max", "max_attempts", "concurrency", "quorum", "agents"]);
const DURATIONS: ReadonlySet<string> = new Set(["timeout", "delay", "max_delay", "for", "due", "deadline", "within", "after"]);

/** What is best shown by one. */
const EXAMPLES: ReadonlyMap<string, string> = new Map([
  ["", '{"steps": [{"id": "fetch", "capability": "fetch"}]}'],
  ["steps[]", '{"id": "fetch", "capability": "fetch"}'],
  ["cases[]", '{"when": "input.n > 1", "steps": [{"id": "fetch", "capability": "fetch"}]}'],
  ["fallback[]", '{"capability": "fetch"}'],
  ["needs[]", '"fetch"'],
  ["on_error", '{"output": null}'],
  ["on_completed", '{"workflow": "study"}'],
  ["on_failed", '{"workflow": "study"}'],
  ["steps", '[{"id": "fetch", "capability": "fetch"}]'],
  ["id", '"fetch"'],
  ["needs", '["fetch"]'],
  ["when", '"input.n > 1"'],
  ["until", '"steps.check.output.ok"'],
  ["cases", '[{"when": "input.n > 1", "steps": [{"id": "fetch", "capability": "fetch"}]}]'],
  ["default", '{"steps": [{"id": "fetch", "capability": "fetch"}]}'],
  ["max", "10"],
  ["concurrency", "10"],
  ["workflow", '"study"'],
  ["name", '"paid"'],
  ["title", '"Publish it?"'],
  ["output", '"${ steps.fetch.output }"'],
  ["retry", '{"max_attempts": 3}'],
  ["select", '{"policy": "fastest"}'],
  ["fallback", '[{"capability": "fetch"}]'],
  ["assignees", '["role:operator"]'],
  ["error", '{"message": "Nothing was found"}'],
  ["compensate", '{"capability": "refund"}'],
  ["input_schema", '{"type": "object"}'],
]);
