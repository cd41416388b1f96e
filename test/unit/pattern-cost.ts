/**
 * Whether a backtracking engine takes more than linear time for a regular expression. It is turned into an automaton with
 * one state for each character that is written in it. More than linear time needs a state on a loop and another on a loop
 * that the same text leads to, so that where one ends and the other begins is tried at every place; and a way to fail
 * afterwards. A search that is not held at the beginning is itself such a loop.
 *
 * It errs on the side of refusing: assertions are taken to hold, and many bounded repetitions to have no bound.
 */

/** A repetition of up to this many times is one of a constant factor. */
const FEW = 16;

/** Which characters: one bit for each of ASCII, and one for all others. */
type Chars = bigint;

const OTHERS = 128;
const ALL: Chars = (1n << 129n) - 1n;
const bit = (code: number): Chars => 1n << BigInt(Math.min(code, OTHERS));
const of = (text: string): Chars => Array.from(text).reduce((all, char) => all | bit(char.charCodeAt(0)), 0n);
const span = (from: number, to: number): Chars => {
  let all: Chars = 0n;
  for (let code = from; code <= Math.min(to, OTHERS); code++) all |= bit(code);
  return all | (to >= OTHERS ? bit(OTHERS) : 0n);
};
const DIGIT = span(48, 57);
const WORD = DIGIT | span(65, 90) | span(97, 122) | of("_");
const SPACE = of("\t\n\v\f\r ") | bit(OTHERS);
const LINE_ENDS = of("\n\r");

const bothCases = (chars: Chars): Chars => {
  const [upper, lower] = [(chars >> 65n) & ((1n << 26n) - 1n), (chars >> 97n) & ((1n << 26n) - 1n)];
  return chars | (upper << 97n) | (lower << 65n);
};

/** Part of an expression: the states that it begins and ends with, and those reached from outside or left without an assertion. */
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly isNullable: boolean;
  /** What a search that is not held at the beginning can begin with. */
  readonly open: readonly number[];
  readonly isOpen: boolean;
  /** Where it may end whatever follows. */
  readonly free: readonly number[];
  readonly isFree: boolean;
}

const EMPTY: Part = { first: [], last: [], isNullable: true, open: [], isOpen: true, free: [], isFree: true };
const ASSERTION: Part = { ...EMPTY, isFree: false };
const ANCHOR: Part = { ...ASSERTION, isOpen: false };

class Automaton {
  readonly chars: Chars[] = [];
  readonly next: Map<number, number>[] = [];
  readonly #source: string;
  readonly #flags: string;
  #at = 0;
  readonly whole: Part;

  constructor(source: string, flags: string) {
    this.#source = source;
    this.#flags = flags;
    this.whole = this.#choice();
    if (this.#at < source.length) throw new Error(`cannot read /${source}/ from ${this.#at}`);
  }

  state(chars: Chars): number {
    this.chars.push(this.#flags.includes("i") ? bothCases(chars) : chars);
    this.next.push(new Map());
    return this.chars.length - 1;
  }

  join(from: readonly number[], to: readonly number[]): void {
    for (const one of from) for (const other of to) this.next[one]?.set(other, (this.next[one]?.get(other) ?? 0) + 1);
  }

  #eat(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): Part {
    let part = this.#sequence();
    while (this.#eat("|")) {
      const other = this.#sequence();
      part = {
        first: [...part.first, ...other.first],
        last: [...part.last, ...other.last],
        isNullable: part.isNullable || other.isNullable,
        open: [...part.open, ...other.open],
        isOpen: part.isOpen || other.isOpen,
        free: [...part.free, ...other.free],
        isFree: part.isFree || other.isFree,
      };
    }
    return part;
  }

  #sequence(): Part {
    let part = EMPTY;
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at] as string)) part = this.#then(part, this.#repeated());
    return part;
  }

  #then(one: Part, two: Part): Part {
    this.join(one.last, two.first);
    return {
      first: one.isNullable ? [...one.first, ...two.first] : one.first,
      last: two.isNullable ? [...one.last, ...two.last] : two.last,
      isNullable: one.isNullable && two.isNullable,
      open: one.isNullable && one.isOpen ? [...one.open, ...two.open] : one.open,
      isOpen: one.isOpen && two.isOpen,
      free: two.isFree && two.isNullable ? [...one.free, ...two.free] : two.free,
      isFree: one.isFree && two.isFree,
    };
  }

  #repeated(): Part {
    const part = this.#atom();
    const [written, least, most] = this.#quantifier();
    if (!written) return part;
    if (most > FEW) this.join(part.last, part.first);
    return least === 0 ? { ...part, isNullable: true, isOpen: true, isFree: true } : part;
  }

  /** Whether there is one, and how often at least and at most. */
  #quantifier(): readonly [boolean, number, number] {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(this.#source.slice(this.#at, this.#at + 20));
    if (found === null) return [false, 1, 1];
    this.#at += found[0].length;
    const [, sign, least, comma, most] = found;
    if (sign !== undefined) return [true, sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
    const atMost = most !== "" ? Number(most) : comma === "" ? Number(least) : Number.POSITIVE_INFINITY;
    return [true, Number(least), atMost];
  }

  #atom(): Part {
    if (this.#eat("^")) return this.#flags.includes("m") ? ASSERTION : ANCHOR;
    if (this.#eat("$") || this.#eat("\\b") || this.#eat("\\B")) return ASSERTION;
    if (this.#eat("(?=") || this.#eat("(?!")) {
      const { first, open } = this.#group();
      return { ...ASSERTION, first, open };
    }
    if (this.#eat("(?<=") || this.#eat("(?<!")) {
      const before = this.chars.length;
      this.#group();
      for (let state = before; state < this.chars.length; state++) {
        if (this.next[state]?.has(state)) throw new Error("what is looked for before a place has a bound");
      }
      return ASSERTION;
    }
    if (this.#eat("(?:")) return this.#group();
    if (this.#eat("(?<")) {
      this.#at = this.#source.indexOf(">", this.#at) + 1;
      return this.#group();
    }
    if (this.#eat("(")) return this.#group();
    if (this.#eat("[")) return this.#one(this.#class());
    if (this.#eat(".")) return this.#one(this.#flags.includes("s") ? ALL : ALL & ~LINE_ENDS);
    return this.#one(this.#char(false));
  }

  #group(): Part {
    const part = this.#choice();
    if (!this.#eat(")")) throw new Error(`/${this.#source}/ has a group that is not closed`);
    return part;
  }

  #one(chars: Chars): Part {
    const state = [this.state(chars)];
    return { first: state, last: state, isNullable: false, open: state, isOpen: true, free: state, isFree: true };
  }

  #class(): Chars {
    const isNegated = this.#eat("^");
    let chars: Chars = 0n;
    while (!this.#eat("]")) {
      const from = this.#source[this.#at] === "\\" ? null : (this.#source.codePointAt(this.#at) as number);
      const one = this.#char(isNegated);
      const low = from ?? codeOf(one);
      if (low !== null && this.#source[this.#at] === "-" && this.#source[this.#at + 1] !== "]") {
        this.#at++;
        const to = this.#source[this.#at] === "\\" ? null : (this.#source.codePointAt(this.#at) as number);
        const other = this.#char(isNegated);
        chars |= span(low, to ?? codeOf(other) ?? OTHERS);
      } else chars |= one;
    }
    // What is not ASCII is one bit: leaving one such character out leaves the others in.
    return isNegated ? (ALL & ~chars) | bit(OTHERS) : chars;
  }

  /** A character or an escape; of an escape for a property nothing is known, so it is all or, where it is left out, nothing. */
  #char(isLeftOut: boolean): Chars {
    const char = String.fromCodePoint(this.#source.codePointAt(this.#at) as number);
    this.#at += char.length;
    if (char !== "\\") return bit(char.codePointAt(0) as number);
    const escaped = this.#source[this.#at++] as string;
    switch (escaped) {
      case "d":
        return DIGIT;
      case "D":
        return ALL & ~DIGIT;
      case "w":
        return WORD;
      case "W":
        return ALL & ~WORD;
      case "s":
        return SPACE;
      case "S":
        return (ALL & ~SPACE) | bit(OTHERS);
      case "p":
      case "P":
        this.#at = this.#source.indexOf("}", this.#at) + 1;
        return isLeftOut ? 0n : ALL;
      case "x":
        this.#at += 2;
        return bit(Number.parseInt(this.#source.slice(this.#at - 2, this.#at), 16));
      case "u":
        this.#at += 4;
        return bit(Number.parseInt(this.#source.slice(this.#at - 4, this.#at), 16));
      default:
        if (/[1-9k]/.test(escaped)) return ALL;
        return of({ n: "\n", r: "\r", t: "\t", v: "\v", f: "\f", 0: "\0" }[escaped] ?? escaped);
    }
  }
}

function codeOf(chars: Chars): number | null {
  for (let code = 0; code <= OTHERS; code++) if (chars === bit(code)) return code;
  return null;
}

/** Why an expression may take more than linear time, or `null`. */
export function costOf(source: string, flags: string): string | null {
  const automaton = new Automaton(source, flags);
  const { chars, next, whole } = automaton;
  if (!flags.includes("y") && whole.open.length > 0) {
    const search = automaton.state(ALL);
    automaton.join([search], [search, ...new Set(whole.open)]);
  }
  const reached = chars.map((_, from) => reachedFrom(next, from));
  const looping = [...chars.keys()].filter((state) => reached[state]?.has(state));
  const free = new Set(whole.free);
  // What has been where it may end does not fail.
  const failing = next.map((to) => new Map([...to].filter(([state]) => !free.has(state))));
  for (const from of looping) {
    for (const [to, ways] of next[from] ?? []) {
      if (ways > 1 && reached[to]?.has(from)) return "one repetition is within another";
    }
    if (goesTogether(chars, [next, next], [from, from], [from, from], true)) return "a text can be repeated in two ways";
  }
  for (const one of looping) {
    for (const other of looping) {
      if (one === other || free.has(other) || !reached[one]?.has(other)) continue;
      if (goesTogether(chars, [next, next, failing], [one, one, other], [one, other, other], false)) {
        return one === chars.length - 1 && whole.open.length > 0 ? "every place begins it again" : "one repetition follows another";
      }
    }
  }
  return null;
}

function reachedFrom(next: Next, from: number): ReadonlySet<number> {
  const reached = new Set<number>();
  const open = [from];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (const to of next[state]?.keys() ?? []) {
      if (reached.has(to)) continue;
      reached.add(to);
      open.push(to);
    }
  }
  return reached;
}

type Next = readonly ReadonlyMap<number, number>[];

/**
 * Whether several states, reading the same text, go from some to others, each by steps of its own. `apart`: so that the
 * first two have been in different states in between.
 */
function goesTogether(
  chars: readonly Chars[],
  next: readonly Next[],
  from: readonly number[],
  to: readonly number[],
  apart: boolean,
): boolean {
  const seen = new Set<string>();
  const open = [{ states: from, wereApart: !apart }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    let ways: { readonly states: readonly number[]; readonly common: Chars }[] = [{ states: [], common: ALL }];
    for (const [which, state] of at.states.entries()) {
      ways = ways.flatMap(({ states, common }) =>
        [...(next[which]?.[state]?.keys() ?? [])]
          .map((step) => ({ states: [...states, step], common: common & (chars[step] as Chars) }))
          .filter((way) => way.common !== 0n),
      );
    }
    for (const { states } of ways) {
      const wereApart = at.wereApart || states[0] !== states[1];
      if (wereApart && states.join() === to.join()) return true;
      const key = `${states.join()} ${wereApart}`;
      if (seen.has(key)) continue;
      seen.add(key);
      open.push({ states, wereApart });
    }
  }
  return false;
}
