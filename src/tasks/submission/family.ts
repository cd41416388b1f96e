/** The family that a submission begins: how many tasks may come of it, and which of its workflows need few of them. */
import { startsTasks } from "../../engine/aspects/table.ts";
import type { TaskCreated } from "../../engine/facts/created.ts";
import { blocksIn, stepsIn, type BlockHolder } from "../../language/blocks.ts";
import { kindOf } from "../../language/kinds/table.ts";
import type { Library } from "../../language/library.ts";
import { isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import { LIMITS } from "../limits.ts";
import type { Runnable } from "./plan.ts";

/** `undefined` for one that starts no other task. */
export function newFamily(task: string, { compiled, library }: Runnable, tasks: number): TaskCreated["family"] | undefined {
  if (!startsTasks(compiled.graph)) return undefined;
  const needs = library === undefined ? {} : needsOf(library as unknown as Library);
  return { root: task, tasks, ...(Object.keys(needs).length > 0 && { needs }) };
}

/** Tasks that come of each workflow at most, itself included, where its definition tells that and it is few. */
function needsOf(library: Library): { readonly [reference: string]: number } {
  const needs = new Needs(library);
  const known = Object.keys(library).map((reference) => [reference, needs.of(reference)] as const);
  return Object.fromEntries(known.filter(([, need]) => need <= LIMITS.familyFew));
}

class Needs {
  readonly #library: Library;
  readonly #known = new Map<string, number>();

  constructor(library: Library) {
    this.#library = library;
  }

  of(reference: string): number {
    const known = this.#known.get(reference);
    if (known !== undefined) return known;
    // Whoever comes back to it while it is looked at goes in a circle.
    this.#known.set(reference, Number.POSITIVE_INFINITY);
    const need = 1 + this.#inDefinition(reference);
    this.#known.set(reference, need);
    return need;
  }

  #inDefinition(reference: string): number {
    const entry = Object.hasOwn(this.#library, reference) ? this.#library[reference] : undefined;
    const definition = entry === undefined ? null : (JSON.parse(entry.definition) as Json);
    if (!isJsonObject(definition)) return 0;
    const ends = [this.#inHook(definition["on_completed"]), this.#inHook(definition["on_failed"])];
    return this.#inBlock({ holder: definition, at: "" }) + Math.max(...ends);
  }

  #inBlock(block: BlockHolder): number {
    return stepsIn(block).reduce((sum, placed) => {
      const kind = kindOf(placed.step["type"]);
      if (kind.startsWorkflow === true) return sum + this.#named(placed.step);
      // A long list is spread over tasks of its own.
      if (kind.list !== undefined) return Number.POSITIVE_INFINITY;
      const inside = blocksIn(placed).reduce((all, inner) => all + this.#inBlock(inner), 0);
      return sum + (kind.isLoop === true && inside > 0 ? inside * iterationsOf(placed.step) : inside);
    }, 0);
  }

  #inHook(hook: Json | undefined): number {
    if (Array.isArray(hook)) return (hook as readonly Json[]).reduce((sum: number, one) => sum + this.#named(one), 0);
    return this.#named(hook);
  }

  #named(holder: Json | undefined): number {
    const reference = isJsonObject(holder) ? holder["workflow"] : undefined;
    return typeof reference === "string" ? this.of(reference) : 0;
  }
}

const iterationsOf = ({ max }: JsonObject): number => (typeof max === "number" ? max : Number.POSITIVE_INFINITY);
