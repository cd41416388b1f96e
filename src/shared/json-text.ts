/**
 * JSON as text, looked at before anything is made of it: how deep it nests, how many parts it has, and whether its numbers
 * are numbers that we can hold. One pass over the characters. It may be no JSON at all; that is for the parser to say.
 */
import { pointer } from "./json.ts";
import { exactnessOf } from "./json-number.ts";
import { err, ok, type Result } from "./result.ts";

export interface TextBounds {
  readonly depth: number;
  /** Objects, lists and members of objects: each takes far more memory than its text. Bytes bound everything else. */
  readonly parts: number;
}

export type TextProblem =
  | { readonly type: "too_deep" | "too_many_parts" }
  /** `pointer`: to the number. */
  | { readonly type: "number_not_exact"; readonly number: string; readonly pointer: string };

/** The text, in which `-0` has become `0`: JSON that is written has no other zero. */
export function checkedText(text: string, bounds: TextBounds): Result<string, TextProblem> {
  const signs = new SignRemover(text);
  let [depth, parts] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    switch (code) {
      case QUOTE:
        at = closingQuote(text, at);
        break;
      case LIST:
      case OBJECT:
        parts++;
        if (++depth > bounds.depth) return err({ type: "too_deep" });
        break;
      case LIST_END:
      case OBJECT_END:
        depth--;
        break;
      case COLON:
        parts++;
        break;
      default: {
        if (code !== MINUS && !isDigit(code)) break;
        const end = endOfNumber(text, at);
        if (mayBeInexact(text, at, end)) {
          const number = text.slice(at, end);
          const exactness = exactnessOf(number);
          if (exactness === "inexact") return err({ type: "number_not_exact", number, pointer: pointerTo(text, at) });
          if (exactness === "minus_zero") signs.removeAt(at);
        }
        at = end - 1;
      }
    }
    if (parts > bounds.parts) return err({ type: "too_many_parts" });
  }
  return ok(signs.text);
}

const [QUOTE, BACKSLASH, LIST, LIST_END, OBJECT, OBJECT_END] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];
const [COLON, COMMA, MINUS, PLUS, POINT, ZERO, NINE] = [0x3a, 0x2c, 0x2d, 0x2b, 0x2e, 0x30, 0x39];
/** `e`, and `E` with the bit that makes it small. */
const [EXPONENT, SMALL] = [0x65, 0x20];

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;

function closingQuote(text: string, opening: number): number {
  for (let at = opening + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return text.length;
}

function endOfNumber(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!isDigit(code) && code !== POINT && (code | SMALL) !== EXPONENT && code !== PLUS && code !== MINUS) return at;
  }
  return text.length;
}

/** Nearly all numbers are seen through here: fifteen digits are always exact, and so is a fraction that is not endless. */
function mayBeInexact(text: string, from: number, end: number): boolean {
  if (text.charCodeAt(from) === MINUS && text.charCodeAt(from + 1) === ZERO) return true;
  let hasPoint = false;
  for (let at = from; at < end; at++) {
    const code = text.charCodeAt(at);
    if ((code | SMALL) === EXPONENT) return true;
    if (code === POINT) hasPoint = true;
  }
  if (end - from <= 15) return false;
  const last = text.charCodeAt(end - 1);
  return !hasPoint || end - from > 300 || last === ZERO || last === POINT;
}

/** A text without the signs at some places, put together a few thousand at a time: there may be millions. */
class SignRemover {
  readonly #source: string;
  #done = "";
  #pieces: string[] = [];
  #from = 0;

  constructor(source: string) {
    this.#source = source;
  }

  removeAt(at: number): void {
    this.#pieces.push(this.#source.slice(this.#from, at));
    this.#from = at + 1;
    if (this.#pieces.length >= 10_000) this.#join();
  }

  get text(): string {
    if (this.#from === 0) return this.#source;
    this.#pieces.push(this.#source.slice(this.#from));
    this.#join();
    return this.#done;
  }

  #join(): void {
    this.#done += this.#pieces.join("");
    this.#pieces = [];
  }
}

/** The place of what begins at `end`; the text is looked at once more, as it is refused anyway. */
function pointerTo(text: string, end: number): string {
  // For each list around it the index of the present item, for each object the key of its present member.
  const path: (string | number)[] = [];
  let key = "";
  for (let at = 0; at < end; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const closing = closingQuote(text, at);
        key = text.slice(at, closing + 1);
        at = closing;
        break;
      }
      case COLON:
        path[path.length - 1] = unquoted(key);
        break;
      case LIST:
        path.push(0);
        break;
      case OBJECT:
        path.push("");
        break;
      case COMMA: {
        const last = path.at(-1);
        if (typeof last === "number") path[path.length - 1] = last + 1;
        break;
      }
      case LIST_END:
      case OBJECT_END:
        path.pop();
    }
  }
  return pointer(...path);
}

function unquoted(key: string): string {
  try {
    return String(JSON.parse(key));
  } catch {
    return key;
  }
}
