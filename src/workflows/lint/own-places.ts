/** Steps that start a workflow under the key that the task itself, or one that waits for it, has the only place of. */
import { compileWorkflow, type Workflow } from "../../language/compile.ts";
import type { Concurrency } from "../../language/concurrency.ts";
import { isJsonObject, type Json } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { Warning } from "./codes.ts";
import type { LintContext } from "./lint-context.ts";
import { sourceTree, stepsUnder, type SourceBlock } from "./source-tree.ts";

/** What is known of an input: what each of its fields is, said in expressions of the outermost workflow. */
type Given = (field: string) => string | null;

interface Holder {
  readonly name: string | null;
  readonly key: string;
}

export function ownPlaceWarnings(root: SourceBlock, workflow: Workflow, { name, library }: LintContext): readonly Warning[] {
  if (library === null || !library.ok) return [];
  const found = library.value;
  const warnings: Warning[] = [];
  let looks = 0;

  const walk = (block: SourceBlock, at: string | null, given: Given, holders: readonly Holder[], path: readonly string[]): void => {
    for (const { node, written, at: place } of stepsUnder(block)) {
      if (node.kind !== "workflow" || written.type !== "workflow") continue;
      const entry = Object.hasOwn(found, node.workflow) ? found[node.workflow] : undefined;
      const compiled = entry === undefined || looks++ >= LIMITS.libraryWorkflows ? null : compileWorkflow(entry.definition);
      if (entry === undefined || compiled?.ok !== true) continue;
      const inside = givenTo((written.input ?? {}) as Json, given);
      const { concurrency } = compiled.value.graph;
      const key = concurrency === null ? null : keyIn(concurrency, entry.name, inside);
      const holder = holders.find((one) => one.key === key);
      const pointer = at ?? `${place}/workflow`;
      if (holder !== undefined && concurrency?.limit === 1) {
        warnings.push({ code: "waits_for_itself", pointer, message: messageFor(node.workflow, concurrency, holder, block === root) });
      } else if (!path.includes(node.workflow)) {
        const more = key === null ? holders : [...holders, { name: entry.name, key }];
        walk(sourceTree(compiled.value), pointer, inside, more, [...path, node.workflow]);
      }
    }
  };

  const own = workflow.graph.concurrency;
  const itself: Given = (field) => `input.${field}`;
  const key = own === null ? null : keyIn(own, name, itself);
  walk(root, null, itself, key === null ? [] : [{ name, key }], []);
  return warnings;
}

function messageFor(reference: string, { overlap }: Concurrency, { name, key }: Holder, isDirect: boolean): string {
  const who = name === null ? "this workflow" : `"${name}"`;
  const what = overlap === "queue" ? "waits for it until its queue_ttl is over" : "is refused";
  const how = isDirect ? "" : " further in";
  return `"${reference}", which is started${how}, needs the only place under ${key}. That is the one of ${who}, which waits for it, so it ${what}`;
}

/** Equal texts are equal keys; of other texts nothing is said. */
function keyIn({ key }: Concurrency, name: string | null, given: Given): string | null {
  if (key === null) return name === null ? null : JSON.stringify(name);
  return inTermsOf(key.source, given);
}

const READ = /(?<![\w.])input\.([A-Za-z_]\w*)/g;

function inTermsOf(source: string, given: Given): string | null {
  let isKnown = true;
  const text = source.replace(READ, (_, field: string) => {
    const value = given(field);
    isKnown &&= value !== null;
    return value ?? "";
  });
  // Whatever else it reads is something else in each task.
  if (!isKnown || /(?<![\w.])(?:task|input(?!\.[A-Za-z_]))\b/.test(text)) return null;
  return text.replaceAll(/'([^'"\\]*)'/g, '"$1"').replaceAll(/\s+/g, "");
}

function givenTo(input: Json, given: Given): Given {
  if (typeof input === "string") return /^\s*\$\{\s*input\s*\}\s*$/.test(input) ? given : () => null;
  return (field) => {
    const value = isJsonObject(input) && Object.hasOwn(input, field) ? input[field] : undefined;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    if (typeof value !== "string") return null;
    const expression = /^\s*\$\{([^{}]*)\}\s*$/.exec(value)?.[1];
    if (expression === undefined) return value.includes("${") ? null : JSON.stringify(value);
    const text = inTermsOf(expression.trim(), given);
    return text === null || /^[\w.]+$|^"[^"]*"$/.test(text) ? text : `(${text})`;
  };
}
