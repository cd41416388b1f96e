/**
 * YAML as another way to write JSON: the core schema of YAML 1.2, one document, and nothing that JSON could not say.
 *
 * Memory is bounded before a tree is built: by the number of tokens, and by how deep they nest. An alias counts for all
 * that it repeats.
 */
import { Composer, Document, isAlias, isMap, isScalar, isSeq, Lexer, Parser, visit, type Node } from "yaml";
import { pointer, type Json } from "./json.ts";
import { exactnessOf, notExact } from "./json-number.ts";
import { LIMITS } from "./limits.ts";
import { err, ok, type Result } from "./result.ts";

export interface YamlFault {
  readonly message: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** It is this number at this JSON Pointer, which no double holds. */
  readonly number?: { readonly number: string; readonly pointer: string };
}

/** The value of a YAML text, whose JSON is at most about `maxBytes` long. */
export function readYaml(text: string, maxBytes: number): Result<Json, YamlFault> {
  try {
    return ok(new Reader(maxBytes).value(documentOf(text), 0).json);
  } catch (error) {
    if (error instanceof Fault) return err({ message: error.message, ...placeOf(text, error.offset) });
    if (error instanceof InexactNumber) {
      const number = { number: error.number, pointer: pointer(...error.path) };
      return err({ message: notExact(error.number), ...placeOf(text, error.offset), number });
    }
    throw error;
  }
}

/** A value as YAML, which reads back as the same value; `null` when it has more parts than are worth it. */
export function writeYaml(value: Json): string | null {
  if (countParts(value) > LIMITS.yamlValues) return null;
  // What is something else in YAML 1.1 is in quotes too: half of all readers have that.
  const document = new Document(value, { version: "1.2", schema: "core", compat: "yaml-1.1", aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, node) => {
      const { value: text } = node;
      if (typeof text === "string" && (IN_QUOTES.test(text) || isReadOtherwise(text))) node.type = "QUOTE_DOUBLE";
    },
  });
  return document.toString({ lineWidth: 0, doubleQuotedAsJSON: true }).replaceAll(LINE_BREAKS_OF_OTHERS, escaped);
}

/** Some are line breaks to readers of YAML 1.1, also inside quotes, which whatever has one is in. */
const LINE_BREAKS_OF_OTHERS = /[\u007f-\u009f\u2028\u2029\ufeff]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Text that does not survive as it is: control characters and marks, space where it begins, lines of nothing but space. */
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const IN_QUOTES = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]|^\s|\n +(?:\n|$)/;

/** What some reader takes for a number, a time, a merge or a default, beyond what the library knows of. */
const isReadOtherwise = (text: string): boolean => text.length <= LONGEST_SCALAR && READ_OTHERWISE.some((pattern) => pattern.test(text));
const LONGEST_SCALAR = 256;
const READ_OTHERWISE = [/^(?:=|<<)$/, /^[-+.]?\d[\d_.,:+-]*(?:e[-+]?\d+)?$/i, /^[-+]?0[xob][\da-f_]+$/i, /^\d{4}-\d\d?-\d\d?[Tt\s]/];

/** Carries a fault out of the tree. */
class Fault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Carries a number that no double holds out of the tree; whatever is around it says where it is. */
class InexactNumber extends Error {
  readonly number: string;
  readonly offset: number;
  readonly path: (string | number)[] = [];

  constructor(number: string, offset: number) {
    super(number);
    this.number = number;
    this.offset = offset;
  }
}

function inside<T>(segment: string | number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof InexactNumber) error.path.unshift(segment);
    throw error;
  }
}

function documentOf(text: string): Node | null {
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    resolveKnownTags: false,
    // Comparing each key with all others takes the square of their number; `Reader` finds repeated ones.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  const [document, second] = composer.compose(tokensOf(text), true, text.length);
  const error = document?.errors[0];
  if (error !== undefined) throw new Fault(error.message, error.pos[0]);
  if (document?.directives.yaml.version !== "1.2") throw new Fault("expected YAML 1.2", 0);
  if (second !== undefined) throw new Fault("expected one document, got several", second.range[0]);
  return document.contents;
}

function* tokensOf(text: string) {
  const parser = new Parser();
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > LIMITS.yamlTokens) {
      throw new Fault(`YAML is read up to ${LIMITS.yamlTokens} tokens; send a definition this large as JSON`, parser.offset);
    }
    yield* parser.next(lexeme);
    if (parser.stack.length > LIMITS.jsonDepth + 3) throw tooDeep(parser.offset);
  }
  yield* parser.end();
}

interface Value {
  readonly json: Json;
  /** The length of its JSON. */
  readonly size: number;
  readonly depth: number;
}

class Reader {
  readonly #maxBytes: number;
  readonly #anchors = new Map<string, Value>();
  #aliases = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What a node stands for. It is known to aliases once it is complete, so none can contain itself. */
  value(node: Node | null, offset: number): Value {
    if (node === null) return { json: null, size: 4, depth: 0 };
    const at = node.range?.[0] ?? offset;
    if (isAlias(node)) return this.#repeated(node.source, at);
    if (node.tag !== undefined && !CORE_TAGS.has(node.tag)) throw new Fault(`the tag ${node.tag} is not available`, at);
    const value = this.#ofNode(node, at);
    if (value.size > this.#maxBytes) throw new Fault(`it stands for more than ${this.#maxBytes} bytes of JSON`, at);
    if (value.depth > LIMITS.jsonDepth) throw tooDeep(at);
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, value);
    return value;
  }

  #ofNode(node: Node, at: number): Value {
    if (isScalar(node)) return scalar(node.value, node.source, at);
    if (isSeq<Node | null>(node)) {
      const items = node.items.map((item, index) => inside(index, () => this.value(item, at)));
      return whole(
        items.map(({ json }) => json),
        items,
      );
    }
    if (!isMap<Node, Node | null>(node)) throw new Fault("expected a value that JSON has", at);
    const keys = new Set<string>();
    const entries = node.items.map(({ key, value }) => {
      const name = this.#key(key, keys, at);
      return [name, inside(name, () => this.value(value, at))] as const;
    });
    const sizes = entries.map(([key, value]) => ({ ...value, size: value.size + JSON.stringify(key).length + 1 }));
    return whole(Object.fromEntries(entries.map(([key, { json }]) => [key, json])), sizes);
  }

  #key(node: Node | null, before: Set<string>, offset: number): string {
    const at = node?.range?.[0] ?? offset;
    const key = isScalar(node) ? this.value(node, at).json : null;
    if (typeof key !== "string") throw new Fault("a key is text; write it in quotes", at);
    if (before.has(key)) throw new Fault(`the key "${key}" occurs twice`, at);
    before.add(key);
    return key;
  }

  #repeated(name: string, at: number): Value {
    if (++this.#aliases > LIMITS.yamlAliases) throw new Fault(`at most ${LIMITS.yamlAliases} aliases`, at);
    const value = this.#anchors.get(name);
    if (value === undefined) throw new Fault(`the alias *${name} has no anchor before it`, at);
    return value;
  }
}

const CORE_TAGS: ReadonlySet<string> = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((tag) => `tag:yaml.org,2002:${tag}`),
);

function scalar(value: unknown, source: string | undefined, at: number): Value {
  if (typeof value === "number") {
    if (source !== undefined && /^[-+]?\.(?:inf|nan)$/i.test(source)) throw new Fault("a number is finite", at);
    if (source !== undefined && !isExact(value, source)) throw new InexactNumber(source, at);
  }
  if (value !== null && typeof value !== "string" && typeof value !== "boolean" && typeof value !== "number") {
    throw new Fault("expected a value that JSON has", at);
  }
  return { json: value, size: JSON.stringify(value).length, depth: 0 };
}

function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  return exactnessOf(/^0[xo]/.test(source) ? BigInt(source).toString() : source) !== "inexact";
}

/** A list or an object: its parts, their commas and its brackets. */
function whole(json: Json, parts: readonly Pick<Value, "size" | "depth">[]): Value {
  const size = parts.reduce((sum, part) => sum + part.size + 1, 2);
  return { json, size, depth: parts.reduce((deepest, part) => Math.max(deepest, part.depth), 0) + 1 };
}

function tooDeep(offset: number): Fault {
  return new Fault(`it nests deeper than ${LIMITS.jsonDepth} levels`, offset);
}

function placeOf(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

function countParts(value: Json): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, part) => sum + countParts(part), 1);
}
