/** The regular expressions of a TypeScript source: those written as such, and those made of a text. */

interface Pattern {
  /** `null` where it is not written out. What a text has from elsewhere reads as the letter x. */
  readonly source: string | null;
  readonly flags: string;
}

export function patternsIn(code: string): readonly Pattern[] {
  const scan = new Scan(code);
  scan.code();
  return scan.found;
}

class Scan {
  readonly found: Pattern[] = [];
  readonly #code: string;
  #at = 0;

  constructor(code: string) {
    this.#code = code;
  }

  /** Up to the end, or to the brace that closes what is within a text. */
  code(): void {
    let before = "";
    for (let depth = 0; this.#at < this.#code.length;) {
      const char = this.#code[this.#at] as string;
      const isMade = /\bRegExp\(\s*$/.test(before);
      if (isMade && !/[\s"'`)]/.test(char)) this.found.push({ source: null, flags: "" });
      if (this.#code.startsWith("//", this.#at) || this.#code.startsWith("/*", this.#at)) {
        this.#upTo(this.#code[this.#at + 1] === "/" ? "\n" : "*/");
        continue;
      }
      if (char === "/" && MAY_BEGIN.test(before)) this.found.push({ source: this.#pattern(), flags: this.#letters() });
      else if (`"'\``.includes(char)) {
        const source = this.#text(char);
        const flags = /^,\s*"(\w*)"/.exec(this.#code.slice(this.#at, this.#at + 20))?.[1] ?? "";
        if (isMade) this.found.push({ source, flags });
      } else if (char === "}" && depth === 0) return;
      else {
        depth += char === "{" ? 1 : char === "}" ? -1 : 0;
        this.#at++;
        before = `${before}${char}`.slice(-20);
        continue;
      }
      before = `${before})`;
    }
  }

  #upTo(end: string): void {
    const found = this.#code.indexOf(end, this.#at + 2);
    this.#at = found === -1 ? this.#code.length : found + end.length;
  }

  #pattern(): string {
    const from = this.#at + 1;
    for (let isInClass = false; ;) {
      const char = this.#code[++this.#at] as string;
      if (char === "\\") this.#at++;
      else if (char === "[") isInClass = true;
      else if (char === "]") isInClass = false;
      else if (char === "/" && !isInClass) return this.#code.slice(from, this.#at++);
    }
  }

  #letters(): string {
    const [letters] = /^\w*/.exec(this.#code.slice(this.#at, this.#at + 20)) as RegExpExecArray;
    this.#at += letters.length;
    return letters;
  }

  /** A text as it reads, or a template. */
  #text(quote: string): string {
    let text = "";
    for (;;) {
      const char = this.#code[++this.#at] as string;
      if (char === quote) {
        this.#at++;
        return text;
      }
      if (char === "\\") text += this.#code[++this.#at] as string;
      else if (quote === "`" && this.#code.startsWith("${", this.#at)) {
        this.#at += 2;
        this.code();
        text += "x";
      } else text += char;
    }
  }
}

/** After this a slash is the beginning of an expression, rather than a division. */
const MAY_BEGIN = /(?:^|[(,=:[!&|?{};>+]|\b(?:return|case|typeof))\s*$/;
