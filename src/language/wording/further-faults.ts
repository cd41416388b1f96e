/** What else is wrong with a definition that has not the right shape: told at once, as far as it can be known. */
import type { Fault } from "../../shared/errors.ts";
import { isJsonObject, segmentsOf, type Json } from "../../shared/json.ts";
import { valueAt } from "./schema-fields.ts";
import { compileGraph } from "../compile-graph.ts";
import { workflowDefinition } from "../definition.ts";
import { RULES } from "../rules.ts";

/** Faults of the definition without the members that `shape` is about, but for those that may follow from leaving them out. */
export function faultsBeyond(definition: Json, shape: readonly Fault[]): readonly Fault[] {
  const places = new Set(shape.map(({ pointer }) => pointer));
  const rest = JSON.parse(JSON.stringify(definition)) as Json;
  if (![...places].every((place) => removeAt(rest, place))) return [];
  const parsed = workflowDefinition.safeParse(rest);
  const graph = parsed.success ? compileGraph(parsed.data, RULES) : null;
  if (graph === null || graph.ok) return [];
  const touched = [...places].map(stepAround);
  return graph.error.filter(({ pointer }) => !touched.some((place) => pointer === place || pointer.startsWith(`${place}/`)));
}

/** The innermost step that a place is in; of what is in none, the place itself. */
const stepAround = (pointer: string): string => /^.*\/steps\/\d+(?=\/)/.exec(pointer)?.[0] ?? pointer;

/** Items stay: without one the others would have other places. */
function removeAt(document: Json, pointer: string): boolean {
  const path = segmentsOf(pointer);
  const last = path.at(-1);
  const holder = valueAt(document, path.slice(0, -1));
  return last !== undefined && isJsonObject(holder) && Object.hasOwn(holder, last) && Reflect.deleteProperty(holder, last);
}
