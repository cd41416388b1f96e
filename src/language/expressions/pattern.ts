/**
 * Regular expressions of RE2, which never backtrack. What one costs is its instructions times the characters of the text,
 * so both are paid for before it is compiled and matched.
 */
import { EvaluationError } from "@marcbachmann/cel-js";
import { RE2JS } from "re2js";
import { LIMITS } from "../limits.ts";
import type { Budget } from "./budget.ts";

export function matches(text: string, pattern: string, budget: Budget): boolean {
  if (pattern.length > LIMITS.patternLength)
    throw new EvaluationError(`a regular expression has at most ${LIMITS.patternLength} characters, this one ${pattern.length}`);
  budget.scan(text.length);
  if (isPlain(pattern)) return pattern.split("|").some((word) => text.includes(word));
  const { compiled, instructions } = compiledOf(pattern, budget);
  budget.spend(LIMITS.stepsOfInstruction * instructions * (text.length + 1));
  return compiled.matcher(text).find();
}

/** Words, one of which has to be there. */
const isPlain = (pattern: string): boolean => Array.from(pattern).every((character) => !SIGNS.has(character));
const SIGNS: ReadonlySet<string> = new Set("\\^$.[]()*+?{}");

interface Compiled {
  readonly compiled: RE2JS;
  readonly instructions: number;
}

const compiledByPattern = new Map<string, Compiled>();
let remembered = 0;

function compiledOf(pattern: string, budget: Budget): Compiled {
  const known = compiledByPattern.get(pattern);
  if (known !== undefined) return known;
  const instructions = instructionsOf(pattern);
  if (instructions > LIMITS.patternInstructions) {
    throw new EvaluationError(
      `a regular expression has at most ${LIMITS.patternInstructions} instructions, "${pattern.slice(0, 100)}" has about ${instructions}; repeat less in it`,
    );
  }
  budget.spend(LIMITS.stepsToCompile * instructions);
  const made = { compiled: compile(pattern), instructions };
  if (remembered + instructions > LIMITS.rememberedInstructions) {
    compiledByPattern.clear();
    remembered = 0;
  }
  compiledByPattern.set(pattern, made);
  remembered += instructions;
  return made;
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new EvaluationError(`"${pattern}" is no regular expression (RE2 syntax): ${(error as Error).message}`);
  }
}

/** As many as it has at most: what is repeated counts as often as it is. It need not be well formed. */
export function instructionsOf(pattern: string): number {
  /** Of the groups that are open: what is in them, and the last of it, which a repetition is about. */
  const groups = [{ whole: 2, last: 0 }];
  let group = groups[0] as { whole: number; last: number };
  const add = (size: number): void => {
    group.whole += size;
    group.last = size;
  };
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === "(") groups.push((group = { whole: 2, last: 0 }));
    else if (character === ")" && groups.length > 1) {
      const { whole } = groups.pop() as { whole: number };
      group = groups.at(-1) as { whole: number; last: number };
      add(whole);
    } else if (character === "[") {
      const end = endOfClass(pattern, at);
      add(1 + Math.floor((end - at) / 8) + (pattern.slice(at, end).includes("\\p") ? CLASS_OF_UNICODE : 0));
      at = end;
    } else if (character === "{") {
      const end = pattern.indexOf("}", at);
      const times = end === -1 || end - at > 12 ? 1 : repetitions(pattern.slice(at + 1, end));
      const more = group.last * times + times - group.last;
      group.whole += Math.max(0, more);
      group.last += Math.max(0, more);
      if (times > 1) at = end;
    } else if (character === "*" || character === "+" || character === "?" || character === "|") group.whole++;
    else if (character === "\\") {
      const next = pattern[++at] ?? "";
      if (next === "Q") add(pattern.length - at);
      else add(next === "p" || next === "P" ? CLASS_OF_UNICODE : 1);
    } else add(1);
  }
  return groups.reduce((sum, { whole }) => sum + whole, 0);
}

const CLASS_OF_UNICODE = 20;

/** The last character of the class that begins at `from`. */
function endOfClass(pattern: string, from: number): number {
  for (let at = from + (pattern[from + 1] === "^" ? 3 : 2); at < pattern.length; at++) {
    if (pattern[at] === "\\") at++;
    else if (pattern[at] === "]" && !(pattern[at - 1] === ":" && pattern.lastIndexOf("[:", at) > from)) return at;
  }
  return pattern.length;
}

/** Of `3`, `3,` or `3,5`: each of them is there, and each optional one has one more that leads around it. */
function repetitions(inside: string): number {
  const [least = "", most = least] = inside.split(",");
  const times = Math.max(Number(least), Number(most));
  return Number.isFinite(times) ? Math.min(Math.max(times, 1), 1_000) : 1;
}
