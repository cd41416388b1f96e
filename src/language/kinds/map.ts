/** A step that does the same for every item of a list. */
import { z } from "zod";
import type { Json } from "../../shared/json.ts";
import type { StepList } from "../definition.ts";
import { expression, template, variable } from "../definition-words.ts";
import type { Template } from "../expressions/template.ts";
import { LIMITS } from "../limits.ts";
import type { Read } from "../reads.ts";
import { ANYTHING, NUMBER } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, type KindDefinition, type StepListSchemas } from "./kind.ts";

const percent = z
  .string()
  .max(4, { abort: true })
  .regex(/^(100|\d{1,2})%$/, 'expected a number of items or a share such as "10%"');

const EXPECTED_LIST = 'a list, or an expression that yields one, such as "input.items"';

const schema = ({ steps }: StepListSchemas<StepList>) =>
  z.strictObject({
    ...stepFields,
    type: z.literal("map"),
    /** A list: CEL, `${ … }`, or written out. */
    over: z.union([expression, z.array(template)], { error: `expected ${EXPECTED_LIST}` }),
    as: variable.optional(),
    index: variable.optional(),
    steps,
    output: template.optional(),
    /** How many items at once; as many as there are unless said. */
    concurrency: z.int().min(1).max(LIMITS.mapConcurrency).optional(),
    /** How many items may fail. */
    tolerate: z.union([z.int().min(0).max(LIMITS.mapItems), percent]).optional(),
    /** When more fail: whether the other items are done all the same, or canceled. */
    on_item_failure: z.enum(["finish", "cancel"]).optional(),
  });

interface MapOver {
  readonly over: Template;
  /** Where the definition says that. */
  readonly overAt: string;
  readonly as: string;
  readonly indexAs: string;
  readonly concurrency: number | null;
  /** How many items may fail, or which share of them. */
  readonly tolerate: { readonly items: number } | { readonly share: number };
  /** … and what becomes of the others when more do; `null` where the step does not say. */
  readonly onItemFailure: "finish" | "cancel" | null;
  /** Ids from the outermost block to this step: where a task that has a part of its items finds it. */
  readonly path: readonly string[];
  /** What the steps inside read from outside, when parts of it may run as tasks of their own; else `null`. */
  readonly outside: { readonly reads: readonly Read[]; readonly names: ReadonlySet<string> } | null;
}

export const map: KindDefinition<z.infer<ReturnType<typeof schema>>, MapOver> = {
  synonyms: [
    { words: "for_each foreach each fan_out fanout batch iterate iterator map_reduce" },
    {
      words: "parallel concurrent all fork",
      note: "steps that do not need each other run side by side anyway; a map does the same for every item of a list",
    },
  ],
  schema,
  compile: (step, written) => {
    const [as, indexAs] = [written.as ?? "item", written.index ?? "index"];
    if (as === indexAs) step.refuse("index", `"${as}" cannot be the item and its index`);
    const names = [
      { field: "as", name: as },
      { field: "index", name: indexAs },
    ];
    for (const { field, name } of names) {
      if (TAKEN.includes(name)) step.refuse(field, `"${name}" means something else already; choose another name`);
    }
    const over = step.template(listOf(written), "over");
    if (Array.isArray(written.over) && written.over.length > LIMITS.mapItems)
      step.refuse("over", `a map has at most ${LIMITS.mapItems} items`);
    const inner = step.inner(written, "", [as, indexAs]);
    for (const { field, name } of names) {
      // A name that nothing inside reads hides nothing from anybody.
      if (!step.variables.includes(name) || !inner.names.has(name)) continue;
      const message = `"${name}" is the name of something outside already, which the steps inside cannot see any more; choose another with "as" or "index"`;
      step.warn(field, message, "shadowed_name");
    }
    const isOutside = (name: string): boolean => name === "input" || name === "task" || step.variables.includes(name);
    return {
      over,
      overAt: step.pointerTo("over"),
      as,
      indexAs,
      concurrency: written.concurrency ?? null,
      tolerate:
        typeof written.tolerate === "string" ? { share: Number(written.tolerate.slice(0, -1)) / 100 } : { items: written.tolerate ?? 0 },
      onItemFailure: written.on_item_failure ?? null,
      path: [...step.path, written.id],
      outside: inner.staysInTask ? null : { reads: inner.readsOutside, names: new Set([...inner.names].filter(isOutside)) },
    };
  },
  expressions: ({ over }) => [{ field: "over", value: over, expected: { what: EXPECTED_LIST, isRight: Array.isArray } }],
  blocks: (step) => [{ holder: step, field: "" }],
  isLoop: true,
  outcomes: ({ over }, analysis) => {
    const inner = analysis.block(0);
    const items = over.expressions.length === 0 ? over.evaluate(() => ({ input: null, task: null, steps: {} })) : null;
    const count = items?.ok === true && Array.isArray(items.value) ? items.value.length : null;
    if (count !== null && count > 0 && !inner.completed && !inner.failed) return { completed: false, failed: false };
    // With items there may be more steps than a task can have.
    return { completed: true, failed: count !== 0 };
  },
  list: listOf,
  output: (_written, _node, { list, block }) => ({ type: "list", items: block(0), most: list.type === "list" ? list.most : null }),
  variables: ({ as, indexAs }) => ({
    [indexAs]: () => NUMBER,
    [as]: ({ list }) => (list.type === "list" ? list.items : ANYTHING),
  }),
  label: ({ as, concurrency }) => {
    const parallel = typeof concurrency === "number" ? `, ${concurrency} at once` : "";
    return [`each ${labelText(as ?? "item")}${parallel}`];
  },
};

/** A list written out may have `${ … }` in it; a text is an expression, with or without `${ … }` around it. */
function listOf({ over }: { readonly over: string | readonly unknown[] }): Json {
  if (typeof over !== "string") return over as Json;
  return /^\s*\$\{/.test(over) ? over.trim() : `\${ ${over} }`;
}

/** Names that mean something already. */
const TAKEN: readonly string[] = ["input", "steps", "task", "output", "signal", "iteration", "previous", "true", "false", "null", "in"];
