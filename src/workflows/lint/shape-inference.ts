/**
 * What is known of the values that a definition works with: its input by the schema, the outputs of its steps by how they
 * come about. Outputs are found in the order in which steps need each other, so that each is known before it is read.
 */
import type { WorkflowDefinition } from "../../language/definition.ts";
import type { StepNode } from "../../language/graph.ts";
import type { ShapeAnalysis } from "../../language/kinds/kind.ts";
import type { Library } from "../../language/library.ts";
import { ANYTHING, either, NULL, NUMBER, objectOf, shapeOfJson, TEXT, type Shape } from "../../language/shape.ts";
import type { Target } from "../../language/staffing.ts";
import { isJsonObject, type Json } from "../../shared/json.ts";
import { pathIn, type Path } from "./accesses.ts";
import { keyOf, Offers, referredTo, type LintContext } from "./lint-context.ts";
import { follow, isMiss, shapeOfSchema } from "./shape.ts";
import { inOrder, stepSeen, type SourceBlock, type SourceStep } from "./source-tree.ts";

/** Names beside those that a step has. */
export type NamedShapes = ReadonlyMap<string, Shape>;
export const NO_NAMES: NamedShapes = new Map();

/** A value that a path starts from, and where in the path its own fields begin. */
export interface PathRoot {
  readonly shape: Shape;
  readonly index: number;
}

const TASK = objectOf({
  id: TEXT,
  type: TEXT,
  workflow: objectOf({ name: TEXT, version: NUMBER }),
  priority: NUMBER,
  tags: { type: "list", items: TEXT, most: null },
  created_at: TEXT,
});
/** Agents may say more of a failure than everybody does. */
export const FAILURE: Shape = {
  type: "object",
  fields: new Map([
    ["code", TEXT],
    ["message", TEXT],
    ["retryable", shapeOfJson(true)],
  ]),
  others: "any",
};

export class ShapeInference {
  readonly #input: Shape;
  readonly #offers: Offers | null;
  readonly #library: Library;
  readonly #outputs = new Map<SourceStep, Shape>();
  readonly #results = new Map<SourceBlock, Shape>();
  readonly #lists = new Map<StepNode, Shape>();
  readonly #byTarget = new Map<string, Shape>();

  constructor(root: SourceBlock, { input_schema }: WorkflowDefinition, { agents, library }: LintContext) {
    this.#input = input_schema === undefined ? ANYTHING : shapeOfSchema(input_schema);
    this.#offers = agents === null ? null : new Offers(agents);
    this.#library = library?.ok === true ? library.value : {};
    this.#block(root);
  }

  /** What a block comes to. */
  result(block: SourceBlock): Shape {
    return this.#results.get(block) ?? ANYTHING;
  }

  /** The list that a map runs over. */
  list({ node }: SourceStep): Shape {
    return this.#lists.get(node) ?? ANYTHING;
  }

  /** The value that a path starts from, as the steps of a block see it; `null` where nothing is known. */
  start(path: Path, block: SourceBlock, names: NamedShapes): PathRoot | null {
    const [name, id, field] = path;
    if (name === "input") return { shape: this.#input, index: 1 };
    if (name === "task") return { shape: TASK, index: 1 };
    if (name === "steps") {
      const step = typeof id === "string" ? stepSeen(id, block) : null;
      if (step === null || (field !== "output" && field !== "error")) return null;
      return { shape: field === "error" ? either([FAILURE, NULL]) : (this.#outputs.get(step) ?? ANYTHING), index: 3 };
    }
    const shape = typeof name === "string" ? (names.get(name) ?? this.#variable(name, block)) : null;
    return shape === null ? null : { shape, index: 1 };
  }

  /** What a value that is written out comes to, with `${ … }` in its texts. */
  template(value: Json, block: SourceBlock, names: NamedShapes = NO_NAMES): Shape {
    if (typeof value === "string") return this.#text(value, block, names);
    if (Array.isArray(value)) {
      const items = value as readonly Json[];
      return { type: "list", items: either(items.map((item) => this.template(item, block, names))), most: items.length };
    }
    if (!isJsonObject(value)) return shapeOfJson(value);
    return objectOf(Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.template(member, block, names)])));
  }

  /** What is known where a step stands. */
  of({ within, node, inner }: SourceStep): ShapeAnalysis {
    return {
      template: (value) => this.template(value, within),
      list: this.#lists.get(node) ?? ANYTHING,
      // While the steps inside are looked at for the first time it is not known yet.
      block: (block) => this.result(inner[block] as SourceBlock),
      answer: (targets) => this.#answer(targets),
      workflow: (reference) => shapeOfSchema(referredTo(reference, this.#library)?.output_schema ?? true),
    };
  }

  /** What whoever may be asked declares to answer. */
  #answer(targets: readonly Target[]): Shape {
    const offers = this.#offers;
    return offers === null ? ANYTHING : either(targets.map((target) => this.#answerOf(target, offers)));
  }

  #answerOf(target: Target, offers: Offers): Shape {
    const key = keyOf(target);
    const known = this.#byTarget.get(key);
    if (known !== undefined) return known;
    // Of many agents most declare the same.
    const schemas = new Map(
      offers.for(target).map(({ capability }) => [JSON.stringify(capability?.outputSchema), capability?.outputSchema]),
    );
    const shape = either([...schemas.values()].map((schema) => (schema === undefined ? ANYTHING : shapeOfSchema(schema))));
    this.#byTarget.set(key, shape);
    return shape;
  }

  #block(block: SourceBlock): Shape {
    for (const step of inOrder(block)) {
      const { onError } = step.node;
      const own = this.#output(step);
      const { on_error } = step.written;
      const rescue = onError.type === "output" && typeof on_error === "object" ? on_error.output : undefined;
      this.#outputs.set(step, rescue === undefined ? own : either([own, this.template(rescue as Json, block)]));
    }
    const sinks = block.block.sinks.map((index) => block.steps[index] as SourceStep);
    const result =
      block.output === undefined
        ? objectOf(Object.fromEntries(sinks.map((step) => [step.node.id, this.#outputs.get(step) ?? ANYTHING])))
        : this.template(block.output, block);
    this.#results.set(block, result);
    return result;
  }

  #output(step: SourceStep): Shape {
    const { node, kind, written, within } = step;
    const list = kind.list?.(written);
    if (list !== undefined) this.#lists.set(node, this.template(list, within));
    for (const block of step.inner) this.#block(block);
    return kind.output?.(written, node, this.of(step)) ?? ANYTHING;
  }

  #text(text: string, block: SourceBlock, names: NamedShapes): Shape {
    if (!text.includes("${")) return TEXT;
    const isWhole = text.startsWith("${") && text.endsWith("}") && text.lastIndexOf("${") === 0;
    const path = isWhole ? pathIn(text.slice(2, -1)) : null;
    if (path === null) return isWhole ? ANYTHING : TEXT;
    const start = this.start(path, block, names);
    const found = start === null ? ANYTHING : follow(start.shape, path, start.index);
    return isMiss(found) ? ANYTHING : found;
  }

  /** An item, an index, an iteration: of the innermost step around that has one of the name. */
  #variable(name: string, block: SourceBlock): Shape | null {
    for (let owner = block.owner; owner !== null; owner = owner.within.owner) {
      const variables = owner.kind.variables?.(owner.node) ?? {};
      const shape = Object.hasOwn(variables, name) ? variables[name] : undefined;
      if (shape !== undefined) return shape(this.of(owner));
    }
    return null;
  }
}
