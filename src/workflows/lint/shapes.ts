/**
 * What is known of the values that a definition works with: its input by the schema, the outputs of its steps by how they
 * come about. Outputs are found in the order in which steps need each other, so that each is known before it is read.
 */
import type { WorkflowDefinition } from "../../language/definition.ts";
import type { AgentNode } from "../../language/graph.ts";
import type { Target } from "../../language/staffing.ts";
import { isJsonObject, type Json } from "../../shared/json.ts";
import type { Library } from "../../language/library.ts";
import { pathIn, type Path } from "./accesses.ts";
import { inOrder, placeOf, type Place, type PlacedBlock } from "./places.ts";
import { ANYTHING, either, follow, isMiss, NULL, NUMBER, objectOf, shapeOfJson, shapeOfSchema, TEXT, type Shape } from "./shape.ts";
import { keyOf, Offers, referredTo, type Surroundings } from "./surroundings.ts";

/** Names beside those that a place has. */
export type Names = ReadonlyMap<string, Shape>;
export const NO_NAMES: Names = new Map();

/** A value that a path starts from, and where in the path its own fields begin. */
export interface Start {
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

export class Shapes {
  readonly #input: Shape;
  readonly #offers: Offers | null;
  readonly #library: Library;
  readonly #outputs = new Map<Place, Shape>();
  readonly #results = new Map<PlacedBlock, Shape>();
  readonly #lists = new Map<Place, Shape>();
  readonly #byTarget = new Map<string, Shape>();

  constructor(root: PlacedBlock, { input_schema }: WorkflowDefinition, { agents, library }: Surroundings) {
    this.#input = input_schema === undefined ? ANYTHING : shapeOfSchema(input_schema);
    this.#offers = agents === null ? null : new Offers(agents);
    this.#library = library?.ok === true ? library.value : {};
    this.#block(root);
  }

  /** What a block comes to. */
  result(block: PlacedBlock): Shape {
    return this.#results.get(block) ?? ANYTHING;
  }

  /** The list that a map runs over. */
  list(map: Place): Shape {
    return this.#lists.get(map) ?? ANYTHING;
  }

  /** The value that a path starts from, as the steps of a block see it; `null` where nothing is known. */
  start(path: Path, block: PlacedBlock, names: Names): Start | null {
    const [name, id, field] = path;
    if (name === "input") return { shape: this.#input, index: 1 };
    if (name === "task") return { shape: TASK, index: 1 };
    if (name === "steps") {
      const place = typeof id === "string" ? placeOf(id, block) : null;
      if (place === null || (field !== "output" && field !== "error")) return null;
      return { shape: field === "error" ? either([FAILURE, NULL]) : (this.#outputs.get(place) ?? ANYTHING), index: 3 };
    }
    const shape = typeof name === "string" ? (names.get(name) ?? this.#variable(name, block)) : null;
    return shape === null ? null : { shape, index: 1 };
  }

  /** What a value that is written out comes to, with `${ … }` in its texts. */
  template(value: Json, block: PlacedBlock, names: Names = NO_NAMES): Shape {
    if (typeof value === "string") return this.#text(value, block, names);
    if (Array.isArray(value)) {
      const items = value as readonly Json[];
      return { type: "list", items: either(items.map((item) => this.template(item, block, names))), most: items.length };
    }
    if (!isJsonObject(value)) return shapeOfJson(value);
    return objectOf(Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.template(member, block, names)])));
  }

  /** What whoever may be asked declares to answer. */
  answer({ targets, ensemble }: AgentNode): Shape {
    const offers = this.#offers;
    if (offers === null) return ANYTHING;
    const one = either(targets.map((target) => this.#answerOf(target, offers)));
    return ensemble?.mode === "all" ? { type: "list", items: one, most: ensemble.agents } : one;
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

  #block(block: PlacedBlock): Shape {
    for (const place of inOrder(block)) {
      const { onError } = place.node;
      const own = this.#output(place);
      const { on_error } = place.step;
      const rescue = onError.type === "output" && typeof on_error === "object" ? on_error.output : undefined;
      this.#outputs.set(place, rescue === undefined ? own : either([own, this.template(rescue as Json, block)]));
    }
    const sinks = block.block.sinks.map((index) => block.places[index] as Place);
    const result =
      block.output === undefined
        ? objectOf(Object.fromEntries(sinks.map((place) => [place.node.id, this.#outputs.get(place) ?? ANYTHING])))
        : this.template(block.output, block);
    this.#results.set(block, result);
    return result;
  }

  #output(place: Place): Shape {
    const { node, step, within, inner } = place;
    switch (node.kind) {
      case "agent":
        return this.answer(node);
      case "map": {
        const list = step.type === "map" ? this.#over(step.over as Json, within) : ANYTHING;
        this.#lists.set(place, list);
        return { type: "list", items: this.#block(inner[0] as PlacedBlock), most: list.type === "list" ? list.most : null };
      }
      case "switch": {
        const results = inner.map((block) => this.#block(block));
        return either(node.otherwise === null ? [...results, NULL] : results);
      }
      case "repeat":
        return this.#block(inner[0] as PlacedBlock);
      case "workflow":
        return this.#child(node.workflow);
      case "wait":
        return objectOf({ waited_until: TEXT });
      case "approval": {
        const payload = step.type === "approval" && step.payload !== undefined ? this.template(step.payload as Json, within) : objectOf({});
        return objectOf({ decision: TEXT, payload: node.isEditable ? ANYTHING : payload, decided_by: TEXT, comment: TEXT });
      }
      case "transform":
        return step.type === "transform" ? this.template(step.output as Json, within) : ANYTHING;
      case "signal":
      case "end":
        return ANYTHING;
    }
  }

  #over(over: Json, block: PlacedBlock): Shape {
    if (typeof over !== "string") return this.template(over, block);
    return this.#text(/^\s*\$\{/.test(over) ? over.trim() : `\${ ${over} }`, block, NO_NAMES);
  }

  #child(reference: string): Shape {
    const schema = referredTo(reference, this.#library)?.output_schema;
    return schema === undefined ? ANYTHING : shapeOfSchema(schema);
  }

  #text(text: string, block: PlacedBlock, names: Names): Shape {
    if (!text.includes("${")) return TEXT;
    const isWhole = text.startsWith("${") && text.endsWith("}") && text.lastIndexOf("${") === 0;
    const path = isWhole ? pathIn(text.slice(2, -1)) : null;
    if (path === null) return isWhole ? ANYTHING : TEXT;
    const start = this.start(path, block, names);
    const found = start === null ? ANYTHING : follow(start.shape, path, start.index);
    return isMiss(found) ? ANYTHING : found;
  }

  /** An item, an index, an iteration: of the innermost step around that has one of the name. */
  #variable(name: string, block: PlacedBlock): Shape | null {
    for (let owner = block.owner; owner !== null; owner = owner.within.owner) {
      const { node } = owner;
      if (node.kind === "map" && name === node.as) {
        const list = this.#lists.get(owner) ?? ANYTHING;
        return list.type === "list" ? list.items : ANYTHING;
      }
      if (node.kind === "map" && name === node.indexAs) return NUMBER;
      if (node.kind === "repeat" && name === "iteration") return NUMBER;
      // While the steps inside are looked at for the first time it is not known yet.
      if (node.kind === "repeat" && name === "previous") return this.#results.get(owner.inner[0] as PlacedBlock) ?? ANYTHING;
    }
    return null;
  }
}
