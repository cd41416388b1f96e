/** What to write instead of an expression that is none: most are right in another language. */
import { excerpt, nearest } from "../../shared/text.ts";
import { CEL_VARIABLES } from "../expressions/cel.ts";
import { compileExpression, type ExpressionProblem } from "../expressions/expression.ts";
import { RULES } from "../rules.ts";

export interface Hint {
  /** To be read after what is wrong. */
  readonly text: string;
  /** The whole expression as it was probably meant. */
  readonly suggestion?: string;
}

/** What an expression may start from where it stands, beside what all may. */
export interface Visible {
  readonly variables: readonly string[];
  readonly isStep: (id: string) => boolean;
}

/** `written` as it stands in the definition, with or without `${ … }`. */
export function hintFor(written: string, { code, message }: ExpressionProblem, visible: Visible): Hint {
  const source = expressionIn(written, message);
  const unknown = /Unknown variable: ([A-Za-z_]\w*)/.exec(message)?.[1];
  if (unknown !== undefined) return nameHint(source, unknown, visible);
  const field = /a step reads as status, output and error, not as "([^"]*)"/.exec(message)?.[1];
  if (field !== undefined) return fieldHint(source, field);
  if (code !== "invalid_expression" || SAYS_WHAT_TO_DO.test(message)) return { text: "" };
  return dialectHint(source, visible.variables);
}

const SAYS_WHAT_TO_DO = /at most \d|steps is only used as|is not closed|is not available|cannot be the name|expected a condition/;

/** The one that a problem is about: a text may have several. */
function expressionIn(written: string, message: string): string {
  const inside = [...written.matchAll(/\$\{([^{}]*)\}/g)].map(([, source = ""]) => source.trim());
  return inside.find((source) => message.startsWith(`in "${excerpt(source, 200)}": `)) ?? written;
}

function nameHint(source: string, name: string, { variables, isStep }: Visible): Hint {
  if (isStep(name)) {
    const meant = source.replaceAll(new RegExp(`(?<![\\w.])${name}(?=\\s*\\.\\s*(?:output|status|error)\\b)`, "g"), `steps.${name}`);
    const suggestion = meant === source ? source.replaceAll(wordOf(name), `steps.${name}.output`) : meant;
    return repair("; a step is read as steps.<id>", suggestion);
  }
  const known = [...CEL_VARIABLES, ...variables, "null", "true", "false"];
  const meant = NAMES.get(name) ?? nearest(name, known);
  if (meant === null || !known.includes(meant)) return { text: LITERALS.test(source) ? '; a text is in quotes: "…"' : "" };
  return repair("", source.replaceAll(wordOf(name), meant));
}

/** A name at the start of a path, not one after a dot. */
const wordOf = (name: string): RegExp => new RegExp(`(?<![\\w.])${name}(?!\\w)`, "g");

const LITERALS = /^\s*\w+\s*$/;

const NAMES: ReadonlyMap<string, string> = new Map([
  ["inputs", "input"],
  ["params", "input"],
  ["args", "input"],
  ["context", "input"],
  ["workflow", "task"],
  ["step", "steps"],
  ["outputs", "steps"],
  ["results", "steps"],
  ["nodes", "steps"],
  ["i", "index"],
  ["loop", "iteration"],
  ["None", "null"],
  ["True", "true"],
  ["False", "false"],
]);

function fieldHint(source: string, field: string): Hint {
  const isOutput = ["result", "results", "outputs", "response", "data", "value", "return"].includes(field);
  const written = new RegExp(`(steps(?:\\.\\w+|\\["[^"]*"\\]|\\['[^']*'\\]))\\.${field}\\b`, "g");
  if (!/^\w+$/.test(field)) return { text: "" };
  return repair("", source.replaceAll(written, isOutput ? "$1.output" : `$1.output.${field}`));
}

function repair(text: string, suggestion: string): Hint {
  return { text: `${text}; did you mean "${suggestion}"?`, suggestion };
}

function dialectHint(source: string, variables: readonly string[]): Hint {
  const texts: string[] = [];
  let meant = source;
  for (const [pattern, text, replacement] of DIALECTS) {
    if (outsideTexts(meant, () => '""').search(pattern) === -1) continue;
    texts.push(text);
    if (replacement !== undefined)
      meant = outsideTexts(
        meant,
        (quoted) => quoted,
        (code) => (typeof replacement === "string" ? code.replaceAll(pattern, replacement) : code.replaceAll(pattern, replacement)),
      );
  }
  meant = meant.trim();
  const said = texts.length === 0 ? EXAMPLE : `; ${texts.slice(0, 2).join(", and ")}`;
  const isRight = meant !== source.trim() && compileExpression(meant, "any", RULES, variables).ok;
  return isRight ? repair(said, meant) : { text: said };
}

const EXAMPLE = '; expressions are CEL, such as size(steps.fetch.output.items) > 0 && input.name != ""';

/** Quoted texts are in no language: they are changed apart from what is around them. */
function outsideTexts(source: string, quoted: (text: string) => string, code: (text: string) => string = (text) => text): string {
  return partsOf(source)
    .map((part, index) => (index % 2 === 1 ? quoted(part) : code(part)))
    .join("");
}

/** What is around quoted texts and these, by turns. One that does not end is none, and nothing after it is. */
function partsOf(source: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < source.length; at++) {
    const quote = source[at];
    if (quote !== '"' && quote !== "'") continue;
    let end = at + 1;
    while (end < source.length && source[end] !== quote) end += source[end] === "\\" ? 2 : 1;
    if (end >= source.length) break;
    parts.push(source.slice(from, at), source.slice(at, end + 1));
    from = end + 1;
    at = end;
  }
  return [...parts, source.slice(from)];
}

const DIALECTS: readonly (readonly [pattern: RegExp, text: string, replacement?: string | ((whole: string, inside: string) => string)])[] =
  [
    [/\{\{([^{}]*)\}\}/g, "expressions have no {{ }} around them", (_, inside) => inside.trim()],
    [/!==/g, "CEL compares with !=", "!="],
    [/===/g, "CEL compares with ==", "=="],
    [/<>/g, "CEL compares with !=", "!="],
    [/(?<![=!<>])=(?![=>])/g, "CEL compares with ==", "=="],
    [/=>/g, "a loop is written items.filter(item, item.n > 1)"],
    [/\?\?/g, "what may be missing is read with .?name.orValue(…)"],
    [/\?\.(?=\w)/g, "optional access is written .?name", ".?"],
    [/`/g, 'texts are put together with +: "a" + string(input.n)'],
    [/\bis\s+not\s+(?:None|null|nil)\b/g, "CEL compares with !=", "!= null"],
    [/\bis\s+(?:None|null|nil)\b/g, "CEL compares with ==", "== null"],
    [/\bnot\s+in\b/g, "write !(a in b)"],
    [/(?<=\s)and(?=\s)/gi, "CEL writes && for and", "&&"],
    [/(?<=\s)or(?=\s)/gi, "CEL writes || for or", "||"],
    [/\bnot\s+/g, "CEL writes ! for not", "!"],
    [/\blen\(/g, "the length is size(…)", "size("],
    [/\.length\(\)/g, "the length is size(…)", ".size()"],
    [/\.includes\(/g, "a text has contains(…), of a list write value in list", ".contains("],
    [/\.toLowerCase\(/g, "write lowerAscii()", ".lowerAscii("],
    [/\.toUpperCase\(/g, "write upperAscii()", ".upperAscii("],
    [/\.(?:some|any)\(/g, "whether one of a list is so: items.exists(item, item.n > 1)"],
    [/\.every\(/g, "whether all of a list are so: items.all(item, item.n > 1)"],
    [/\.(?:toString|to_string)\(\)/g, "write string(value)"],
    [/\bstr\(/g, "write string(value)", "string("],
    [/\b(?:JSON\.stringify|tojson|toJson)\(/g, 'inside a longer text a value becomes JSON by itself: "Found: ${ steps.fetch.output }"'],
    [/\belse\b/g, "a choice is written condition ? a : b"],
    [/\|\s*\w+/g, "CEL has no filters with |; it has functions such as size(items)"],
    [/\$\{/g, "expressions do not nest: leave the inner ${ } out"],
    [/\$/g, "names have no $ before them"],
    [/\b(?:undefined|None|nil)\b/g, "nothing is null", "null"],
  ];
