/**
 * A page of the documents as a newcomer goes through it: its blocks of commands in order, in one shell, and what is shown
 * beside each.
 *
 *   ```sh               runs; every command has to succeed
 *   ```json or ```text  right after it: what it prints. `…` stands for anything: in a text, for a value, for further
 *                       members or items, as a line of its own for any lines
 *   <!-- test: … -->    before a block says what happens instead: see `Directive`
 */

/** `refused`: it has to fail · `killed`: the server is, and started again · `instead`: this command runs · `file`: it is shown. */
export type Directive =
  | { readonly type: "run" }
  | { readonly type: "refused" }
  | { readonly type: "started" }
  | { readonly type: "killed" }
  | { readonly type: "instead"; readonly command: string }
  | { readonly type: "file"; readonly path: string };

export interface Block {
  readonly line: number;
  readonly language: string;
  readonly text: string;
  readonly directive: Directive;
}

/** A block of commands with what it prints, if that is shown. */
export interface Step {
  readonly commands: Block;
  readonly shown: Block | null;
}

/** Throws where a page says something that nobody would check. */
export function blocksIn(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split("\n");
  for (let at = 0; at < lines.length; at++) {
    const fence = /^( *)```(\w*)$/.exec(lines[at] as string);
    if (fence === null) continue;
    const end = lines.findIndex((line, index) => index > at && line.trim() === "```");
    if (end === -1) throw new Error(`line ${at + 1}: a block without an end`);
    const text = lines.slice(at + 1, end).map((line) => line.slice((fence[1] as string).length));
    blocks.push({ line: at + 1, language: fence[2] as string, text: text.join("\n"), directive: directiveIn(lines[at - 1] ?? "", at) });
    at = end;
  }
  return blocks;
}

function directiveIn(line: string, at: number): Directive {
  const said = /^<!-- test: (.*) -->$/.exec(line)?.[1];
  if (said === undefined) return { type: "run" };
  if (said === "refused") return { type: "refused" };
  if (said === "the server is started") return { type: "started" };
  if (said === "the server is killed and started again") return { type: "killed" };
  const instead = /^instead `(.+)`$/.exec(said)?.[1];
  if (instead !== undefined) return { type: "instead", command: instead };
  const path = /^file (\S+)$/.exec(said)?.[1];
  if (path !== undefined) return { type: "file", path };
  throw new Error(`line ${at}: "${said}" is not known`);
}

/** A block in `json` or `text` belongs to the commands that it follows with nothing in between. */
export function stepsIn(markdown: string): readonly Step[] {
  const blocks = blocksIn(markdown);
  const lines = markdown.split("\n");
  return blocks.flatMap((commands, index) => {
    if (commands.language !== "sh") return [];
    const next = blocks[index + 1];
    const end = commands.line + commands.text.split("\n").length + 1;
    const isBeside = next !== undefined && lines.slice(end, next.line - 1).every((line) => line === "");
    return [{ commands, shown: isBeside && ["json", "text"].includes(next.language) ? next : null }];
  });
}

/** Why what was printed is not what is shown; `null` where it is. */
export function difference(shown: Block, printed: string): string | null {
  return shown.language === "json" ? jsonDifference(shown.text, printed) : textDifference(shown.text, printed);
}

function textDifference(shown: string, printed: string): string | null {
  const pattern = shown
    .trim()
    .split("\n")
    .map((line) => (line.trim() === "…" ? "(?:.*\n)*?" : `${literal(line.trimEnd())}[ \t]*\n`))
    .join("");
  return new RegExp(`^${pattern}$`).test(`${printed.trim()}\n`) ? null : `expected\n${shown}\nbut it printed\n${printed}`;
}

const literal = (text: string): string =>
  text
    .split("…")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`))
    .join("[^\n]*");

function jsonDifference(shown: string, printed: string): string | null {
  let actual: unknown;
  try {
    actual = JSON.parse(printed);
  } catch {
    return `expected JSON, but it printed\n${printed}`;
  }
  return valueDifference(readShown(shown), actual, "");
}

/** JSON in which `…` may stand for a value, for further members and for further items. */
export function readShown(text: string): unknown {
  const complete = text
    .replaceAll(/(?<=[{,]\s*)…(?=\s*\})/g, '"…": "…"')
    .replaceAll(/(?<=[[,]\s*)…(?=\s*\])/g, '"…"')
    .replaceAll(/(?<=":\s*)…/g, '"…"');
  return JSON.parse(complete) as unknown;
}

function valueDifference(expected: unknown, actual: unknown, at: string): string | null {
  if (expected === "…") return null;
  const differs = `${at === "" ? "the whole" : at}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
  if (typeof expected === "string") return typeof actual === "string" && new RegExp(`^${literal(expected)}$`).test(actual) ? null : differs;
  if (typeof expected !== "object" || expected === null) return Object.is(expected, actual) ? null : differs;
  if (typeof actual !== "object" || actual === null || Array.isArray(expected) !== Array.isArray(actual)) return differs;
  const [wanted, there] = [Object.entries(expected), new Map(Object.entries(actual))];
  const isOpen = Array.isArray(expected) ? expected.at(-1) === "…" : "…" in expected;
  const named = wanted.filter(([name, value]) => name !== "…" && !(isOpen && Array.isArray(expected) && value === "…"));
  for (const [name, value] of named) {
    if (!there.has(name)) return `${at}/${name}: expected ${JSON.stringify(value)}, but there is none`;
    const found = valueDifference(value, there.get(name), `${at}/${name}`);
    if (found !== null) return found;
  }
  const more = [...there.keys()].filter((name) => !named.some(([known]) => known === name));
  return isOpen || more.length === 0 ? null : `${at === "" ? "the whole" : at}: it also has ${more.join(", ")}`;
}
