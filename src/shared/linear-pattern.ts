/** Patterns of JSON Schemas, matched in linear time. */
import { RE2JS } from "re2js";
import { excerpt } from "./text.ts";

export class LinearPattern {
  readonly #expression: RE2JS;

  /** Throws where it is no pattern, or none that can be matched so. */
  constructor(pattern: string) {
    RegExp(pattern, "u"); // is it one at all?
    try {
      this.#expression = RE2JS.compile(RE2JS.translateRegExp(pattern));
    } catch (error) {
      throw new Error(
        `the pattern ${JSON.stringify(excerpt(pattern, 100))} cannot be matched in linear time, as RE2 does, ` +
          `which knows no lookaround and no backreferences: ${(error as Error).message}`,
        { cause: error },
      );
    }
  }

  /** What matching a text takes: each character may meet each instruction. */
  instructionsFor(text: string): number {
    return (text.length + 1) * this.#expression.programSize();
  }

  test(text: string): boolean {
    return this.#expression.test(text);
  }
}
