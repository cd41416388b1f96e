/** Texts that look like expressions and are none, because they are not in `${ … }`. */
import type { WorkflowDefinition } from "../../language/definition.ts";
import { pointer, type Json, type JsonObject } from "../../shared/json.ts";
import { excerpt } from "../../shared/text.ts";
import type { Warning } from "./codes.ts";
import { stepSeen, stepsUnder, type SourceBlock } from "./source-tree.ts";

export function literalWarnings(root: SourceBlock, { output, on_completed, on_failed }: WorkflowDefinition): readonly Warning[] {
  const own = inValue({ output, on_completed, on_failed } as JsonObject, "", root);
  const inSteps = [...stepsUnder(root)].flatMap(({ written, at, within, inner }) => {
    const fields = Object.entries(written).filter(([field]) => TEMPLATES.has(field) && !(field === "output" && inner.length > 0));
    const results = inner.flatMap((block) => inValue(block.output, `${block.at}/output`, block));
    return [...fields.flatMap(([field, value]) => inValue(value as Json, at + pointer(field), within)), ...results];
  });
  return [...inSteps, ...own];
}

const TEMPLATES: ReadonlySet<string> = new Set(["input", "output", "payload", "title", "error", "on_error"]);

/** Places are put together where there is something to tell, which is rarely. */
function inValue(value: Json | undefined, at: string, block: SourceBlock): readonly Warning[] {
  if (typeof value === "string") {
    const meant = meantBy(value, block);
    return meant === null ? NOTHING : [literal(value, meant, at)];
  }
  if (typeof value !== "object" || value === null) return NOTHING;
  const found: Warning[] = [];
  for (const [name, member] of Object.entries(value)) {
    for (const inside of inValue(member, "", block)) found.push({ ...inside, pointer: at + pointer(name) + inside.pointer });
  }
  return found;
}

const NOTHING: readonly Warning[] = [];

function literal(text: string, meant: string, at: string): Warning {
  const message = `"${excerpt(text, 100)}" is taken as it stands, for it is not in \${ … }; did you mean "${excerpt(meant, 100)}"?`;
  return { code: "literal_reference", pointer: at, message, suggestion: meant };
}

function meantBy(text: string, block: SourceBlock): string | null {
  if (!text.includes(".") || !/steps|input|item|previous/.test(text)) return null;
  const path = text.trim();
  if (PATH.test(path)) return isRead(path, block) ? `\${ ${path} }` : null;
  for (const pattern of MARKED) {
    const meant = text.replaceAll(pattern, (whole: string, inside: string) =>
      isRead(inside.trim(), block) ? `\${ ${inside.trim()} }` : whole,
    );
    if (meant !== text) return meant;
  }
  return null;
}

/** A path and nothing else. */
const PATH = /^(?:steps|input)(?:\.[A-Za-z_]\w*|\[\d+\]|\["[^"]*"\])+$/;
/** As other languages mark what is to be put in. */
const MARKED: readonly RegExp[] = [
  /\{\{([^{}]+)\}\}/g,
  /(?<!\$)\{([^{}]+)\}/g,
  /(?<![\w$])\$((?:steps|input)(?:\.[A-Za-z_]\w*|\[\d+\])+)/g,
];

/** Whether it would read something: a step that is there, or the input; `input.csv` is a file. */
function isRead(path: string, block: SourceBlock): boolean {
  const [, id] = /^steps(?:\.(\w+)|\["[^"]*"\])\.?(?:output|error|status)\b/.exec(path) ?? [];
  if (id !== undefined) return stepSeen(id, block) !== null;
  return (
    /^(?:input|item|previous|iteration)\.\w/.test(path) &&
    !/^input\.(?:txt|csv|json|md|pdf|html?|xml|ya?ml|png|jpe?g|zip|[jt]s|py)$/i.test(path)
  );
}
