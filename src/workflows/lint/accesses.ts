/**
 * What an expression reads, with the literal keys after it, found without parsing it: it has been compiled, so it is well
 * formed. Optional access and `has()` only test; inside `items.map(x, …)` an `x` is an item.
 */
import { LIMITS } from "../limits.ts";

/** Any item of a list, or any member. */
export const ANY = Symbol("any");
export type Path = readonly (string | number | typeof ANY)[];

export interface Access {
  readonly path: Path;
  /** Whether the last of it is there is asked, not taken for granted. */
  readonly isTest: boolean;
}

export function accessesIn(source: string): readonly Access[] {
  return scanned(source).accesses;
}

/** The path that an expression is as a whole; `null` when it is more than one. */
export function pathIn(source: string): Path | null {
  const { accesses, isPath } = scanned(source);
  return isPath ? (accesses[0]?.path ?? null) : null;
}

interface Scanned {
  readonly accesses: readonly Access[];
  readonly isPath: boolean;
}

function scanned(source: string): Scanned {
  const known = scannedBySource.get(source);
  if (known !== undefined) return known;
  const scanner = new Scanner(source);
  scanner.sequence(null, NO_NAMES, false);
  const { accesses } = scanner;
  const result = { accesses, isPath: scanner.isPath && accesses.length === 1 && accesses[0]?.isTest === false };
  if (scannedBySource.size >= LIMITS.scannedExpressions) scannedBySource.clear();
  scannedBySource.set(source, result);
  return result;
}

const scannedBySource = new Map<string, Scanned>();

/** Quoted texts with what may stand before them, comments, names, numbers, and all else by character. */
const TOKEN =
  /[rRbB]{0,2}(?:"""(?:"{0,2}[^"])*"{0,3}|'''(?:'{0,2}[^'])*'{0,3}|"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|\/\/[^\n]*|[A-Za-z_]\w*|\d[\w.]*|\.\?|\[\?|\S/g;
const NO_TOKEN = "";

/** Names that stand for an item of what was read; `null` for one of something else. */
type Bound = ReadonlyMap<string, Path | null>;
const NO_NAMES: Bound = new Map();
const LOOPS: ReadonlySet<string> = new Set([
  "all",
  "exists",
  "exists_one",
  "existsOne",
  "map",
  "filter",
  "sortBy",
  "transformList",
  "transformMap",
]);
const WORDS: ReadonlySet<string> = new Set(["true", "false", "null", "in"]);

class Scanner {
  readonly accesses: Access[] = [];
  /** Nothing but names and keys so far. */
  isPath = true;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(source: string) {
    const tokens = source.match(TOKEN) ?? [];
    this.#tokens = source.includes("//") ? tokens.filter((token) => !token.startsWith("//")) : tokens;
  }

  get #token(): string {
    return this.#tokens[this.#at] ?? NO_TOKEN;
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? NO_TOKEN;
  }

  /** Up to the bracket that closes it. */
  sequence(closer: string | null, bound: Bound, isTest: boolean): void {
    while (this.#token !== NO_TOKEN) {
      const token = this.#take();
      if (token === closer) return;
      if (isName(token) && !WORDS.has(token)) this.#name(token, bound, isTest);
      else this.#other(token, bound, isTest);
    }
  }

  #other(token: string, bound: Bound, isTest: boolean): void {
    this.isPath = false;
    const closer = CLOSERS.get(token);
    if (closer !== undefined) this.sequence(closer, bound, isTest);
    if (closer !== undefined || isQuoted(token)) this.#rest(null, bound, isTest);
  }

  #name(name: string, bound: Bound, isTest: boolean): void {
    if (this.#token !== "(") {
      const item = bound.get(name);
      this.#rest(item === undefined ? [name] : item, bound, isTest);
      return;
    }
    this.isPath = false;
    this.#take();
    this.sequence(")", bound, isTest || name === "has");
    this.#rest(null, bound, isTest);
  }

  /** What follows a value: fields, items, methods. */
  #rest(from: Path | null, bound: Bound, isTest: boolean): void {
    let path = from;
    for (;;) {
      const token = this.#token;
      if (token === ".") {
        this.#take();
        const name = this.#take();
        path = this.#token === "(" ? this.#method(name, path, bound, isTest) : path && [...path, name];
      } else if (token === ".?" || token === "[?") {
        this.isPath = false;
        this.#note(path, isTest);
        this.#take();
        const key = token === ".?" ? this.#take() : this.#key(bound, isTest);
        this.#note(path && [...path, key], true);
        path = null;
      } else if (token === "[") {
        this.#take();
        const key = this.#key(bound, isTest);
        path = path && [...path, key];
      } else {
        this.#note(path, isTest);
        return;
      }
    }
  }

  /** The inside of brackets, and the bracket that closes them. */
  #key(bound: Bound, isTest: boolean): Path[number] {
    const literal: Path[number] = this.#tokens[this.#at + 1] === "]" ? literalOf(this.#token) : ANY;
    if (literal !== ANY) {
      this.#at += 2;
      return literal;
    }
    this.isPath = false;
    this.sequence("]", bound, isTest);
    return ANY;
  }

  /** What it yields, as far as that is a part of what was read. */
  #method(name: string, path: Path | null, bound: Bound, isTest: boolean): Path | null {
    this.isPath = false;
    this.#note(path, isTest);
    this.#take();
    const names = LOOPS.has(name) ? this.#loopNames() : [];
    const item: Path | null = path && [...path, ANY];
    // With two names the first is an index or a key.
    const inner = names.map((each, index): readonly [string, Path | null] => [each, names.length === 1 || index === 1 ? item : null]);
    this.sequence(")", names.length === 0 ? bound : new Map([...bound, ...inner]), isTest);
    return name === "filter" ? path : null;
  }

  #loopNames(): readonly string[] {
    const names: string[] = [];
    while (names.length < 2 && isName(this.#token) && this.#tokens[this.#at + 1] === ",") {
      names.push(this.#token);
      this.#at += 2;
    }
    return names;
  }

  #note(path: Path | null, isTest: boolean): void {
    if (path !== null && path.length > 1) this.accesses.push({ path, isTest });
  }
}

const CLOSERS: ReadonlyMap<string, string> = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);
const isName = (token: string): boolean => /^[A-Za-z_]/.test(token) && !isQuoted(token);
const isQuoted = (token: string): boolean => token.endsWith('"') || token.endsWith("'");

function literalOf(token: string): Path[number] {
  if (/^\d+$/.test(token)) return Number(token);
  return /^(["'])[^"'\\]*\1$/.test(token) ? token.slice(1, -1) : ANY;
}
