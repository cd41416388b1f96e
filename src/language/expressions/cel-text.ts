/**
 * Texts as CEL has them: a place in one is counted in code points, so that no character is cut in two. Tasks of the first
 * rules count in the units that JavaScript has.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import type { Rules } from "../rules.ts";
import { LIMITS } from "../limits.ts";
import type { Budget } from "./budget.ts";

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

export class Texts {
  readonly #rules: Rules;
  readonly #budget: Budget;

  constructor(rules: Rules, budget: Budget) {
    this.#rules = rules;
    this.#budget = budget;
  }

  /** Where the character begins that so many others are before; -1 where the text is shorter. */
  #offset(text: string, place: number): number {
    if (this.#rules === 0) return place > text.length ? -1 : place;
    this.#budget.walk(Math.min(2 * place, text.length));
    let at = 0;
    for (let passed = 0; passed < place; passed++) {
      if (at >= text.length) return -1;
      at += isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1;
    }
    return at;
  }

  /** How many characters are before an offset. */
  #place(text: string, offset: number): number {
    if (this.#rules === 0 || offset <= 0) return offset;
    this.#budget.walk(offset);
    return countOfPoints(text, offset);
  }

  size(text: string): number {
    this.#budget.walk(text.length);
    return countOfPoints(text, text.length);
  }

  substring(text: string, start: number, end?: number): string {
    const from = start < 0 ? -1 : this.#offset(text, start);
    if (from === -1) throw outOfRange("string.substring(start, end): start index out of range");
    if (end === undefined) return text.substring(from);
    const to = end < start ? -1 : this.#offset(text, end);
    if (to === -1) throw outOfRange("string.substring(start, end): end index out of range");
    return text.substring(from, to);
  }

  indexOf(text: string, wanted: string, from = 0): number {
    return this.#find(text, wanted, from, "indexOf");
  }

  lastIndexOf(text: string, wanted: string, from?: number): number {
    if (from !== undefined) return this.#find(text, wanted, from, "lastIndexOf");
    return this.#place(text, this.#searchLast(text, wanted, text.length));
  }

  contains(text: string, wanted: string): boolean {
    return this.#search(text, wanted, 0) !== -1;
  }

  #find(text: string, wanted: string, from: number, way: "indexOf" | "lastIndexOf"): number {
    if (from === 0 && way === "indexOf") return this.#place(text, this.#search(text, wanted, 0));
    if (wanted === "") return from;
    const offset = from < 0 ? -1 : this.#offset(text, from);
    if (offset === -1 || offset >= text.length) throw outOfRange(`string.${way}(search, fromIndex): fromIndex out of range`);
    return this.#place(text, way === "indexOf" ? this.#search(text, wanted, offset) : this.#searchLast(text, wanted, offset));
  }

  #search(text: string, wanted: string, from: number): number {
    this.#budget.walk(text.length - from + wanted.length);
    return wanted.length <= LIMITS.searchedLength ? text.indexOf(wanted, from) : (placesOf(text, wanted, from).next().value ?? -1);
  }

  #searchLast(text: string, wanted: string, from: number): number {
    if (wanted.length <= LIMITS.searchedLength) {
      // Backwards the platform compares the whole of it at each place.
      this.#budget.walk(text.length * (1 + Math.floor(wanted.length / LIMITS.charactersOfWalk)));
      return text.lastIndexOf(wanted, from);
    }
    this.#budget.walk(text.length + wanted.length);
    let last = -1;
    for (const at of placesOf(text, wanted, 0)) if (at <= from) last = at;
    return last;
  }

  /** `most`: the last part has the rest; any number of them where it is negative. */
  split(text: string, separator: string, most = -1): readonly string[] {
    if (most === 0) return [];
    const parts: string[] = [];
    let at = 0;
    while (most < 0 || parts.length < most - 1) {
      const end = separator === "" ? this.#next(text, at) : this.#searchOnce(text, separator, at);
      if (end === -1 || (separator === "" && end >= text.length)) break;
      this.#budget.pieces(1);
      parts.push(text.slice(at, end));
      at = end + separator.length;
    }
    this.#budget.pieces(1);
    if (separator !== "" || at < text.length) parts.push(text.slice(at));
    return parts;
  }

  /** Each part of a text is looked through once, however many there are. */
  #searchOnce(text: string, separator: string, at: number): number {
    const end =
      separator.length <= LIMITS.searchedLength ? text.indexOf(separator, at) : (placesOf(text, separator, at).next().value ?? -1);
    this.#budget.walk((end === -1 ? text.length : end) - at + separator.length);
    return end;
  }

  #next(text: string, at: number): number {
    return at + (this.#rules > 0 && isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1)) ? 2 : 1);
  }

  /** Less than 0 where `one` comes first. */
  compare(one: string, other: string): number {
    const least = Math.min(one.length, other.length);
    if (this.#rules > 0) {
      this.#budget.walk(least);
      for (let at = 0; at < least; at++) {
        const a = one.charCodeAt(at);
        const b = other.charCodeAt(at);
        // Halves of a pair are units that come before the last of the single ones, and characters that come after them.
        if (a !== b) return rank(a) - rank(b);
      }
      return one.length - other.length;
    }
    this.#budget.scan(least);
    if (one === other) return 0;
    return one < other ? -1 : 1;
  }

  upper(text: string): string {
    this.#budget.text(text.length);
    return this.#rules === 0 ? text.toUpperCase() : text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
  }

  lower(text: string): string {
    this.#budget.text(text.length);
    return this.#rules === 0 ? text.toLowerCase() : text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
  }

  join(parts: readonly unknown[], separator: string): string {
    let length = 0;
    for (const part of parts) {
      if (typeof part !== "string") throw new EvaluationError("join() takes a list of strings only; convert with string()");
      length += part.length + separator.length;
    }
    this.#budget.text(length);
    return parts.join(separator);
  }
}

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** Where a text is in another, from a place on, in a time that the lengths of both bound (Knuth, Morris and Pratt). */
function* placesOf(text: string, wanted: string, from: number): Generator<number, undefined> {
  const borders = new Int32Array(wanted.length);
  for (let at = 1, border = 0; at < wanted.length; at++) {
    while (border > 0 && wanted.charCodeAt(at) !== wanted.charCodeAt(border)) border = borders[border - 1] as number;
    if (wanted.charCodeAt(at) === wanted.charCodeAt(border)) border++;
    borders[at] = border;
  }
  for (let at = from, matched = 0; at < text.length; at++) {
    while (matched > 0 && text.charCodeAt(at) !== wanted.charCodeAt(matched)) matched = borders[matched - 1] as number;
    if (text.charCodeAt(at) === wanted.charCodeAt(matched)) matched++;
    if (matched < wanted.length) continue;
    yield at - matched + 1;
    matched = borders[matched - 1] as number;
  }
}

function countOfPoints(text: string, end: number): number {
  let count = 0;
  for (let at = 0; at < end; at++) {
    if (isHigh(text.charCodeAt(at)) && isLow(text.charCodeAt(at + 1))) at++;
    count++;
  }
  return count;
}

const outOfRange = (message: string): EvaluationError => new EvaluationError({ code: "index_out_of_range", message });
